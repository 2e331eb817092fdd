"""The mathematics of a stack: layers, norms, losses and initial weights, in NumPy only.

Shapes are given by letters, here once and for all: K runs in the stack, B examples in a batch,
D features (I going in, O coming out of a dense layer), C classes, P parameters of one run.
Activations are (K, D, B) and weights (K, O, I), as in ``torch.nn.Linear``; the batch is the last
axis. Nothing reduces or mixes over axis 0, and no shape, order or chunk of a computation depends on
K, so that a run has the same bits alone and in any stack.
"""

from bnexp.nn.losses import SoftmaxCrossEntropy
from bnexp.nn.network import Network

__all__ = ["Network", "SoftmaxCrossEntropy"]
