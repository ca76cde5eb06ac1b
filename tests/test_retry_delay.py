from __future__ import annotations

from auditor.retry_delay import RetryDelay


def test_a_delay_doubles_with_each_attempt_up_to_the_maximum() -> None:
    delay = RetryDelay(0.5, 3.0)
    assert [delay.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_after_a_reset_the_first_delay_is_the_minimum() -> None:
    delay = RetryDelay(1, 10)
    delay.next()
    delay.next()
    delay.reset()
    assert [delay.next(), delay.next()] == [1, 2]


def test_whole_numbers_stay_whole() -> None:
    delay = RetryDelay(5, 8)
    assert [repr(delay.next()) for _ in range(3)] == ["5", "8", "8"]
