"""In which form a run is computed, where the trainer has two that differ in rounding alone."""

from __future__ import annotations

from bnexp.config import train_size, weight_decay
from bnexp.config.network import network_spec
from bnexp.config.schema import Config
from bnexp.describe import Dense

#: Up to so many examples per feature the first layer is cheaper seen from the examples.
_EXAMPLES_PER_FEATURE = 1.5
#: The products of so many with each other are 100 MB in float32.
_MOST_EXAMPLES = 5000


def knows_examples(config: Config) -> bool:
    """Return whether the first layer works on the known training examples (``ExampleDense``).

    That is for dense networks on few examples as they are, trained by a rule that is linear in the
    gradients and without penalties. It follows from what a run trains alone, never from what is
    evaluated.
    """
    first, penalties = network_spec(config).layers[0], config.regularization
    is_linear = config.optimizer.rule == "sgd" and not config.optimizer.clip
    penalised = penalties.l1 or penalties.l2 or penalties.lp or weight_decay(config)
    varied = config.augmentation.flip or config.augmentation.shift
    return (
        isinstance(first, Dense)
        and train_size(config) <= min(_MOST_EXAMPLES, _EXAMPLES_PER_FEATURE * first.inputs)
        and is_linear
        and not penalised
        and not varied
    )
