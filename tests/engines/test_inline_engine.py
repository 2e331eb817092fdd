"""The engine in the caller's own process."""

from __future__ import annotations

from threadpoolctl import threadpool_info, threadpool_limits

from bnexp.engines.inline import _OneBlasThread


def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


def test_the_last_one_out_takes_the_limit_back():
    limit = _OneBlasThread()
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        first, second = limit.held(), limit.held()
        first.__enter__()
        second.__enter__()
        assert set(blas_threads()) == {1}
        first.__exit__(None, None, None)
        assert set(blas_threads()) == {1}
        second.__exit__(None, None, None)
        assert blas_threads() == before
