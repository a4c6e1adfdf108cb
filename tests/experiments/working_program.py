"""A small `benchmark_model` in C++ that really works: two ops whose cost a header gives, measured and printed as the real tool does."""

from __future__ import annotations

PROGRAM = r"""
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>
#include "{folder}/generated.h"

namespace {

volatile double seed = 1.0, sink;

double now_us() {
  using std::chrono::duration;
  return duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Each product waits for the one before, and all for what is read between the clock's two answers: no compiler can move or shorten it.
double op(int rounds) {
  const double began = now_us();
  double value = seed;
  for (int round = 0; round < rounds; ++round)
    for (int step = 0; step < 1000; ++step) value = value * 0.999999 + 1e-6;
  sink = value;
  return now_us() - began;
}

const char* flag(int argc, char** argv, const char* name, const char* otherwise) {
  const std::string start = std::string("--") + name + "=";
  for (int i = 1; i < argc; ++i)
    if (!std::strncmp(argv[i], start.c_str(), start.size())) return argv[i] + start.size();
  return otherwise;
}

void statistics(const std::vector<double>& all) {
  double sum = 0;
  for (double one : all) sum += one;
  std::vector<double> sorted = all;
  std::sort(sorted.begin(), sorted.end());
  const auto at = [&sorted](double share) { return sorted[static_cast<std::size_t>(share * (sorted.size() - 1))]; };
  std::printf("INFO: count=%zu first=%.0f curr=%.0f min=%.0f max=%.0f avg=%.1f std=0 p5=%.0f median=%.0f p95=%.0f\n\n", all.size(),
              all.front(), all.back(), sorted.front(), sorted.back(), sum / all.size(), at(0.05), at(0.5), at(0.95));
}

double average(const std::vector<double>& all) {
  double sum = 0;
  for (double one : all) sum += one;
  return sum / all.size();
}

}  // namespace

// With PER_BYTE, each byte of the model costs so many thousands of products.
int by_size(const char* path) {
#ifdef PER_BYTE
  if (std::FILE* file = std::fopen(path, "rb")) {
    std::fseek(file, 0, SEEK_END);
    const long size = std::ftell(file);
    std::fclose(file);
    return static_cast<int>(size * PER_BYTE);
  }
#endif
  return 0;
}

int main(int argc, char** argv) {
  std::puts("INFO: STARTING!");
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--help")) continue;
    std::fprintf(stderr, "ERROR: usage: %s <flags>\nFlags:\n", argv[0]);
    for (const char* name : {"graph=\tstring", "num_runs=50\tint32", "min_secs=1\tfloat", "max_secs=150\tfloat", "num_threads=-1\tint32",
                             "warmup_runs=1\tint32", "warmup_min_secs=0.5\tfloat", "use_xnnpack=false\tbool",
                             "enable_op_profiling=false\tbool"})
      std::fprintf(stderr, "\t--%s\toptional\tsee the real tool\n", name);
    return 1;
  }
  const int runs = std::max(1, std::atoi(flag(argc, argv, "num_runs", "50")));
  const bool profile = !std::strcmp(flag(argc, argv, "enable_op_profiling", "false"), "true");
  std::printf("INFO: Graph: [%s]\n", flag(argc, argv, "graph", ""));
  std::printf("INFO: Loaded model %s\nINFO: The input model file size (MB): 0.1\n", flag(argc, argv, "graph", ""));
  std::puts("INFO: Initialized session in 0.1ms.");
  std::puts("INFO: Running benchmark for at least 1 iterations and at least 0 seconds but terminate if exceeding 150 seconds.");
  const int rounds = CONVOLUTION + by_size(flag(argc, argv, "graph", ""));
  const double first = op(rounds) + op(SOFTMAX);
  statistics({first});
  std::printf("INFO: Running benchmark for at least %d iterations and at least 0 seconds but terminate if exceeding 150 seconds.\n", runs);
  std::vector<double> convolution, softmax, whole;
  for (int i = 0; i < runs; ++i) {
    convolution.push_back(op(rounds));
    softmax.push_back(op(SOFTMAX));
    whole.push_back(convolution.back() + softmax.back());
  }
  statistics(whole);
  std::printf("INFO: Inference timings in us: Init: 100, First inference: %.0f, Warmup (avg): %.1f, Inference (avg): %.1f\n", first, first,
              average(whole));
  std::fprintf(stderr, "INFO: revision %s\n", REVISION);
  if (!profile) return 0;
  std::puts("INFO: Operator-wise Profiling Info for Regular Benchmark Runs:");
  std::puts("============================== Run Order ==============================");
  std::puts("\t[node type]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]");
  const double ops[] = {average(convolution), average(softmax)};
  const double all = ops[0] + ops[1];
  std::printf("\tCONV_2D\t%.3f\t%.3f\t%.3f%%\t%.3f%%\t0.000\t1\t[conv]:0\n", ops[0] / 1e3, ops[0] / 1e3, 100 * ops[0] / all,
              100 * ops[0] / all);
  std::printf("\tSOFTMAX\t%.3f\t%.3f\t%.3f%%\t100.000%%\t0.000\t1\t[softmax]:1\n\n", ops[1] / 1e3, ops[1] / 1e3, 100 * ops[1] / all);
  std::puts("============================== Top by Computation Time ==============================");
  std::puts("\t[node type]\t[first]\t[avg ms]\t[%]\t[cdf%]\t[mem KB]\t[times called]\t[Name]\n");
  std::puts("Number of nodes executed: 2");
  std::puts("============================== Summary by node type ==============================");
  std::puts("\t[Node type]\t[count]\t[avg ms]\t[avg %]\t[cdf %]\t[mem KB]\t[times called]");
  std::printf("\tCONV_2D\t1\t%.3f\t%.3f%%\t%.3f%%\t0.000\t1\n", ops[0] / 1e3, 100 * ops[0] / all, 100 * ops[0] / all);
  std::printf("\tSOFTMAX\t1\t%.3f\t%.3f%%\t100.000%%\t0.000\t1\n\n", ops[1] / 1e3, 100 * ops[1] / all);
  std::printf("Timings (microseconds): count=%d first=%.0f curr=%.0f min=%.0f max=%.0f avg=%.1f std=0\n", runs, whole.front(),
              whole.back(), *std::min_element(whole.begin(), whole.end()), *std::max_element(whole.begin(), whole.end()), all);
  std::puts("Memory (bytes): count=0\n2 nodes observed");
  return 0;
}
"""


def header(revision: str, *, convolution: int, softmax: int = 100) -> str:
    """The shell line that writes `generated.h`: thousands of products that each op computes."""
    lines = (f'REVISION \\"{revision}\\"', f"CONVOLUTION {convolution}", f"SOFTMAX {softmax}")
    return "".join(f'echo "#define {line}"\n' for line in lines)
