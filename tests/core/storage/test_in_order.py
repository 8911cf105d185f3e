"""Work done ahead comes in order, bounded in number, with its errors where its results would have come."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from buddies_core.storage.in_order import in_order


def slow_first(number: int) -> int:
    time.sleep(0.05 if number % 4 == 0 else 0)
    return number * number


@pytest.mark.parametrize("ahead", [1, 2, 5, 50])
def test_results_come_in_the_order_of_the_items(ahead):
    with ThreadPoolExecutor(4) as pool:
        assert list(in_order(pool, slow_first, range(20), ahead=ahead)) == [n * n for n in range(20)]
        assert list(in_order(pool, slow_first, [], ahead=ahead)) == []


def test_no_more_than_so_many_items_are_taken_ahead_of_the_reader():
    taken = []

    def items():
        for number in range(10):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(4) as pool:
        results = in_order(pool, slow_first, items(), ahead=3)
        for number in range(10):
            next(results)
            assert len(taken) <= number + 3


def test_an_error_comes_in_its_place_and_what_waits_behind_it_is_dropped():
    begun, gate = [], threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise ValueError("one")
        if number == 2:
            gate.wait(5)
        return number

    with ThreadPoolExecutor(1) as pool:
        results = in_order(pool, work, range(100), ahead=6)
        assert next(results) == 0
        with pytest.raises(ValueError, match="one"):
            next(results)
        gate.set()
    assert len(begun) <= 4
