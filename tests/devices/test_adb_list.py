"""The list of an ADB server: phones that cannot be used are the ones whose state matters, and it is not always one word."""

from __future__ import annotations

from harness.devices.adb_list import ListedDevice, parse_list

SEE = "see [http://developer.android.com/tools/device.html]"


def test_states_of_one_word() -> None:
    text = (
        "emulator-5554          device product:sdk_gphone64 model:sdk_gphone64_arm64 device:emu64a transport_id:1\n"
        "R5CT30ABCDE            unauthorized usb:3-2 transport_id:12\n"
        "192.168.1.7:5555       offline\n"
    )
    assert parse_list(text) == [
        ListedDevice("emulator-5554", "device", 1),
        ListedDevice("R5CT30ABCDE", "unauthorized", 12),
        ListedDevice("192.168.1.7:5555", "offline", None),
    ]


def test_a_device_that_may_not_be_opened() -> None:
    text = (
        f"HT85G1A05551           no permissions (missing udev rules? user is in the plugdev group); {SEE} usb:1-2 transport_id:3\n"
        f"(no serial number)     no permissions (user in plugdev group; are your udev rules wrong?); {SEE} usb:1-3\n"
        "????????????           no permissions\n"
    )
    assert parse_list(text) == [
        ListedDevice("HT85G1A05551", "no permissions", 3),
        ListedDevice("(no serial number)", "no permissions", None),
        ListedDevice("????????????", "no permissions", None),
    ]


def test_a_serial_may_hold_spaces_and_words_that_are_states() -> None:
    text = (
        "adb-13e75597-Upleco (2)._adb-tls-connect._tcp device product:oriole model:Pixel_6 device:oriole transport_id:5\n"
        "adb-R5CT30 (10)._adb-tls-connect._tcp offline transport_id:6\n"
        "my device (3)._adb._tcp unauthorized\n"
        "lab host 7 no permissions (missing udev rules?); see [http://x] usb:1-2 transport_id:9\n"
        "emulator-5556 device\n"
        "0123 booting transport_id:8\n"
    )
    assert parse_list(text) == [
        ListedDevice("adb-13e75597-Upleco (2)._adb-tls-connect._tcp", "device", 5),
        ListedDevice("adb-R5CT30 (10)._adb-tls-connect._tcp", "offline", 6),
        ListedDevice("my device (3)._adb._tcp", "unauthorized", None),
        ListedDevice("lab host 7", "no permissions", 9),
        ListedDevice("emulator-5556", "device", None),
        ListedDevice("0123", "booting", 8),
    ]


def test_nothing_is_made_of_nonsense() -> None:
    assert parse_list("\n \nalone\n") == []
