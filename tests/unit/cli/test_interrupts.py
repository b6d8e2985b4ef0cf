"""Ctrl-C that strikes where Python drops exceptions is not lost."""

import signal

import pytest

from shared.cli.demo import _interruptible  # pyright: ignore[reportPrivateUsage]


class Interrupted:
    """Something whose finaliser is running when Ctrl-C is pressed."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def press_ctrl_c_in_a_finaliser_and_wait() -> None:
    with _interruptible(signal.SIGINT):
        Interrupted()
        while True:
            signal.pause()


@pytest.mark.timeout(10)
def test_an_interrupt_in_a_finaliser_is_heard_a_moment_later() -> None:
    with pytest.raises(KeyboardInterrupt):
        press_ctrl_c_in_a_finaliser_and_wait()
