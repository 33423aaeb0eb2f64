"""What methods have in common that train others beside a network with an objective, after a warm start or without."""

from collections.abc import Mapping

from jaxtyping import Array

from jaxseg.methods._several import SeveralNetworks
from jaxseg.methods.method import Phase, State
from jaxseg.methods.objective import ObjectiveMethod, Summand, WarmStart
from jaxseg.methods.optimizer import Optimizer
from jaxseg.models import Network


class Warmed(SeveralNetworks):
    """A method whose predicting network learns an objective; in a warm start it does that alone.

    Attributes:
      network: the network.
      objective: terms by name.
      steps: updates of the main phase.
      optimizer: of the network.
      warm_start: an objective to run first, or None.
    """

    network: Network
    objective: Mapping[str, Summand]
    steps: int
    optimizer: Optimizer
    warm_start: WarmStart | None

    @property
    def alone(self) -> ObjectiveMethod:
        """The network's training without the others."""
        return ObjectiveMethod(self.network, self.objective, self.steps, self.optimizer, self.warm_start)

    @property
    def phases(self) -> tuple[Phase, ...]:
        return self.alone.phases

    def learned(self, phase: int) -> tuple[Mapping[str, Summand], Optimizer]:
        """Objective and optimiser of the network in a phase."""
        if self.warm_start is not None and phase == 0:
            return self.warm_start.objective, self.warm_start.optimizer
        return self.objective, self.optimizer

    def rests(self, phase: int) -> bool:
        """Whether the others rest in a phase: in the warm start, where there is one."""
        return self.warm_start is not None and phase == 0

    def reads(self, phase: int) -> tuple[str, ...]:
        return self.alone.reads(phase) if self.rests(phase) else self.needs()

    def position(self, state: State, phase: int) -> Array:
        """Steps that a phase has behind it."""
        return state.step - sum(earlier.steps for earlier in self.phases[:phase])
