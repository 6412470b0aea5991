"""Click strategies beyond one call of `select_click`: regions judged together, and clicks tried before one is made."""

from activefreq.strategies.grouped import Grouped
from activefreq.strategies.interface import AskingStrategy, Seed, Situation, Strategy
from activefreq.strategies.look_ahead import LookAhead

__all__ = ["AskingStrategy", "Grouped", "LookAhead", "Seed", "Situation", "Strategy"]
