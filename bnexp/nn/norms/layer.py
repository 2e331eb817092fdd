"""Relatives of group norm: layer norm, instance norm, and the norm of the root mean square."""

from __future__ import annotations

from bnexp.nn.layer import Array, Shape, Workspace
from bnexp.nn.norms.group import GroupNorm


class LayerNorm(GroupNorm):
    """Group norm with one group: over all features of an example (arXiv 1607.06450).

    Of images over all pixels and channels; gamma and beta are then per channel.
    """

    def __init__(
        self,
        workspace: Workspace,
        shape: int | Shape,
        *,
        eps: Array,
        gamma: str = "vector",
        beta: str = "vector",
    ) -> None:
        super().__init__(workspace, shape, groups=1, eps=eps, gamma=gamma, beta=beta)


class InstanceNorm(GroupNorm):
    """Group norm with one channel per group: over an example's pixels (arXiv 1607.08022)."""

    def __init__(
        self,
        workspace: Workspace,
        shape: int | Shape,
        *,
        eps: Array,
        gamma: str = "vector",
        beta: str = "vector",
    ) -> None:
        groups = shape if isinstance(shape, int) else shape[len(shape) // 2]
        super().__init__(workspace, shape, groups=groups, eps=eps, gamma=gamma, beta=beta)


class RMSNorm(GroupNorm):
    """y = gamma x / sqrt(mean x^2 + eps) + beta over all of an example (arXiv 1910.07467, eq. 4).

    Layer norm without its centring; the paper has no beta. Of images over all pixels and channels,
    gamma and beta being per channel. Backward, as in ``GroupNorm`` without the mean of g:
    dx = s (g - h 1/n sum g h).
    """

    centred = False

    def __init__(
        self,
        workspace: Workspace,
        shape: int | Shape,
        *,
        eps: Array,
        gamma: str = "vector",
        beta: str = "none",
    ) -> None:
        super().__init__(workspace, shape, groups=1, eps=eps, gamma=gamma, beta=beta)
