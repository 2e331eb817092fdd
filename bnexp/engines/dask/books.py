"""What a driver knows of the stacks of a sweep, and of its runs: no word goes out from here."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bnexp.engines.base import HandedOver
from bnexp.plan.work import Stack
from bnexp.records import RunState

#: A worker's address, and the name of the request that was answered with a stack.
Key = tuple[str, str]


@dataclass(frozen=True)
class Work:
    """A stack, how often it was begun before, and states of runs that were handed over."""

    stack: Stack
    tries: int = 0
    states: Mapping[str, RunState] = field(default_factory=dict)

    def without(self, ended: Collection[str]) -> Work:
        """Leave out the runs that have ended."""
        runs = tuple(run for run in self.stack.runs if run.id not in ended)
        return replace(self, stack=replace(self.stack, runs=runs))

    def at(self, epoch: int) -> Work:
        """Note how far it has got."""
        return replace(self, stack=replace(self.stack, start_epoch=epoch))


class Books:
    """Stacks that wait, those that are out, and the runs that have ended.

    What is ``out`` is kept by the request that it is the answer to, which is never made twice: late
    news of one stack are not mistaken for those of the next.
    """

    def __init__(self, stacks: Sequence[Stack]) -> None:
        self.waiting = deque(Work(stack) for stack in stacks)
        self.out: dict[Key, Work] = {}
        self._ended: set[str] = set()

    @property
    def is_open(self) -> bool:
        """Whether anything is left to train."""
        return bool(self.waiting or self.out)

    def take_out(self, key: Key) -> Work | None:
        """Answer a request with the next stack that has runs to train, if any."""
        while self.waiting:
            work = self.waiting.popleft().without(self._ended)
            if work.stack.runs:
                self.out[key] = work
                return work
        return None

    def put_back(self, key: Key) -> bool:
        """Have what did not get out wait again, before all others; False where there is nothing."""
        if work := self.out.pop(key, None):
            self.waiting.appendleft(work)
        return work is not None

    def end(self, run: str) -> bool:
        """Note that a run has ended; False for one that had.

        A stack may be trained twice where a worker went silent.
        """
        is_first = run not in self._ended
        self._ended.add(run)
        return is_first

    def close(self, key: Key) -> Work | None:
        """Take what was out, with the runs that have not ended."""
        work = self.out.pop(key, None)
        return work.without(self._ended) if work else None

    def let_go(self, key: Key, event: HandedOver, states: Mapping[str, RunState]) -> None:
        """Have runs wait that a stack has let go of.

        Their ``states`` stay here: to share work is no reason to write a checkpoint.
        """
        whole = self.out.get(key)
        if whole is None:
            return
        self.out[key] = whole.without(event.runs)
        kept = {run.id for run in self.out[key].stack.runs}
        self.waiting.append(replace(whole.without(kept).at(event.epoch), states=states))

    def note(self, key: Key, epoch: int) -> None:
        """Note how far a stack has got."""
        if key in self.out:
            self.out[key] = self.out[key].at(epoch)

    def busiest(self) -> Key | None:
        """Return where most is left to do that can be divided, if anywhere."""
        going = {key: work.without(self._ended).stack for key, work in self.out.items()}
        left = {key: stack.seconds for key, stack in going.items() if len(stack.runs) > 1}
        return max(left, key=left.__getitem__) if left else None
