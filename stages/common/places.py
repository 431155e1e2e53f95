"""Where things lie in the project."""

from pathlib import Path

DATA = Path("data")
RAW = DATA / "raw"
PACKED = DATA / "fashion_mnist.npz"
MODELS = DATA / "models"
METRICS = Path("metrics")
PLOTS = Path("plots")
