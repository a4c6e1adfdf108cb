"""A miniature source tree with TensorFlow's labels and configs, which Debian's Bazel builds without a network in seconds."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

TENSORFLOW = "tensorflow/lite/tools/benchmark"
LABEL = f"//{TENSORFLOW}:benchmark_model"
SYSTEM = {
    "bazel-bootstrap": "/usr/bin/bazel",
    "bazel-rules-java": "/usr/share/bazel/rules/java",
    "bazel-rules-proto": "/usr/share/bazel/rules/proto",
    "bazel-platforms": "/usr/share/bazel/tools/platforms",
    "g++": "/usr/bin/g++",
    "g++-aarch64-linux-gnu": "/usr/bin/aarch64-linux-gnu-g++",
    "git": "/usr/bin/git",
}

# What the real tree fetches: here every function is Bazel's own rule of that name.
_RULES_CC = "".join(
    f"def {name}(**kwargs):\n    native.{name}(**kwargs)\n"
    for name in (
        "cc_binary",
        "cc_import",
        "cc_library",
        "cc_proto_library",
        "cc_test",
        "cc_toolchain",
        "cc_toolchain_suite",
        "fdo_prefetch_hints",
        "fdo_profile",
        "objc_import",
        "objc_library",
    )
)

_BUILD = """
genrule(name = "generated", srcs = ["generate.sh"], outs = ["generated.h"], cmd = "sh $(location generate.sh) > $@")
cc_binary(name = "benchmark_model", srcs = ["benchmark_model.cc", ":generated"])
cc_binary(name = "benchmark_model_plus_flex", srcs = ["benchmark_model.cc", ":generated"], copts = ["-DWITH_FLEX"])
"""

_PROGRAM = """
#include <cstdio>
#include "{folder}/generated.h"
int main() {{
  std::puts("revision " REVISION);
#ifdef WITH_FLEX
  std::puts("TfLiteFlexDelegate");
#endif
#ifdef TFLITE_PROFILING_ENABLED
  std::puts("profiling");
#endif
  return 0;
}}
"""

_TOOLCHAIN_BUILD = """
load(":config.bzl", "cross_config")
package(default_visibility = ["//visibility:public"])
filegroup(name = "empty")
cross_config(name = "config")
cc_toolchain(
    name = "aarch64", toolchain_config = ":config", all_files = ":empty", ar_files = ":empty", as_files = ":empty",
    compiler_files = ":empty", dwp_files = ":empty", linker_files = ":empty", objcopy_files = ":empty", strip_files = ":empty",
)
cc_toolchain_suite(name = "suite", toolchains = {"aarch64": ":aarch64", "arm64-v8a": ":aarch64"})
"""

_TOOLCHAIN = """
load("@bazel_tools//tools/cpp:cc_toolchain_config_lib.bzl", "tool_path")
def _config(ctx):
    names = {"ar": "ar", "cpp": "cpp", "gcc": "g++", "gcov": "gcov", "ld": "ld", "nm": "nm", "objdump": "objdump", "strip": "strip"}
    return cc_common.create_cc_toolchain_config_info(
        ctx = ctx, toolchain_identifier = "aarch64", host_system_name = "local", target_system_name = "aarch64-linux-gnu",
        target_cpu = "aarch64", target_libc = "glibc", compiler = "gcc", abi_version = "unknown", abi_libc_version = "unknown",
        cxx_builtin_include_directories = ["/usr/aarch64-linux-gnu/include", "/usr/lib/gcc-cross/aarch64-linux-gnu"],
        tool_paths = [tool_path(name = n, path = "/usr/bin/aarch64-linux-gnu-" + t) for n, t in names.items()],
    )
cross_config = rule(implementation = _config, attrs = {}, provides = [CcToolchainConfigInfo])
"""

_RC = """
startup --output_user_root={root} --max_idle_secs=60 --host_jvm_args=-Xmx512m --host_jvm_args=-XX:TieredStopAtLevel=1
build --jobs=1 --spawn_strategy=local --nosandbox_debug
build --override_repository=rules_cc={stubs} --override_repository=rules_java=/usr/share/bazel/rules/java
build --override_repository=rules_proto=/usr/share/bazel/rules/proto
build --override_repository=platforms=/usr/share/bazel/tools/platforms
build:cross --crosstool_top=//toolchain:suite --cpu=aarch64 --host_crosstool_top=@bazel_tools//tools/cpp:toolchain
build:elinux_aarch64 --config=cross
build:monolithic --define=framework_shared_object=false
# No NDK here: what makes a program Android's, its dynamic linker, is said by hand.
build:android_arm64 --config=cross --linkopt=-Wl,--dynamic-linker=/system/bin/linker64
"""


def missing_packages() -> list[str]:
    """System packages that building here needs and this machine lacks."""
    return [package for package, path in SYSTEM.items() if not Path(path).exists()]


def make_workspace(folder: Path, output_root: Path) -> Path:
    """Write the tree into a Git repository with two revisions, `v1` and `v2`; `v2` is checked out."""
    stubs = folder / "rules_cc"
    (stubs / "cc").mkdir(parents=True)
    (stubs / "WORKSPACE").write_text('workspace(name = "rules_cc")\n')
    (stubs / "cc" / "BUILD").write_text(
        'toolchain_type(name = "toolchain_type", visibility = ["//visibility:public"])\n'
    )
    (stubs / "cc" / "defs.bzl").write_text(_RULES_CC)
    tree = folder / "tensorflow_src"
    here = tree / TENSORFLOW
    here.mkdir(parents=True)
    (tree / "toolchain").mkdir()
    (tree / "WORKSPACE").write_text('workspace(name = "org_tensorflow")\n')
    (tree / ".bazelrc").write_text(_RC.format(root=output_root, stubs=stubs))
    (tree / "toolchain" / "BUILD").write_text(_TOOLCHAIN_BUILD)
    (tree / "toolchain" / "config.bzl").write_text(_TOOLCHAIN)
    (tree / "configure.py").write_text("_SUPPORTED_ANDROID_NDK_VERSIONS = [\n  19, 20, 21, 25\n]\n")
    (here / "BUILD").write_text(_BUILD)
    (here / "benchmark_model.cc").write_text(_PROGRAM.format(folder=TENSORFLOW))
    git(tree, "init", "--quiet", "--initial-branch=main")
    for revision in ("v1", "v2"):
        (here / "generate.sh").write_text(f"echo '#define REVISION \"{revision}\"'\n")
        git(tree, "add", "--all")
        git(tree, "commit", "--quiet", "--message", revision)
        git(tree, "tag", revision)
    return tree


def git(tree: Path, *arguments: str) -> str:
    """Run Git as somebody who has no settings of their own."""
    who = {f"GIT_{role}_{what}": "nobody@localhost" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", "-C", str(tree), *arguments], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def make_android_home(folder: Path, ndk_revision: str = "25.2.9519653", *, licence: bool = True) -> dict[str, str]:
    """An NDK and an SDK as far as anybody looks at them before a build; the answer is the environment that names them."""
    ndk, sdk = folder / "ndk", folder / "sdk"
    shutil.rmtree(folder, ignore_errors=True)
    (ndk / "meta").mkdir(parents=True)
    (ndk / "source.properties").write_text(f"Pkg.Desc = Android NDK\nPkg.Revision = {ndk_revision}\n")
    (ndk / "meta" / "platforms.json").write_text('{"min": 19, "max": 33, "aliases": {}}')
    (sdk / "platforms" / "android-34").mkdir(parents=True)
    (sdk / "build-tools" / "34.0.0").mkdir(parents=True)
    (sdk / "licenses").mkdir()
    if licence:
        (sdk / "licenses" / "android-sdk-license").write_text("\n24333f8a63b6825ea9c5514f83c2829b004d1fee")
    return {"ANDROID_NDK_HOME": str(ndk), "ANDROID_SDK_HOME": str(sdk)}
