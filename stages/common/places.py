"""Where things lie in the project."""

from pathlib import Path

DATA = Path("data")
RAW = DATA / "raw"
PACKED = DATA / "fashion_mnist.npz"
MODELS = DATA / "models"
METRICS = Path("metrics")
PLOTS = Path("plots")
TRIALS = PLOTS / "search_trials.csv"
LIBRARIES = Path("stages/common/libraries.txt")  # whose versions data and trainings follow from
AGGREGATE_LIBRARIES = Path("stages/analysis/libraries.txt")  # and, besides, the tables, pictures and the page
SEARCH_LIBRARIES = Path("stages/trials/libraries.txt")  # and, besides, what a search proposes
