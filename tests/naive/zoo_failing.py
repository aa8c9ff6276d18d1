"""Models and inputs that a wiring cannot be had of."""

from torch import nn


class Branching(nn.Module):
    """Which layer runs depends on the data."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        return self.first(x) if x.sum() > 0 else self.second(x)


class Recurrent(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.rnn, self.head = kind(4, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0][:, -1])


class Unknown(nn.Module):
    """An operation between two layers of which nobody said what it does to nodes."""

    def __init__(self, function):
        super().__init__()
        self.first, self.second, self.function = nn.Linear(4, 4), nn.Linear(4, 2), function

    def forward(self, x):
        return self.second(self.function(self.first(x)))
