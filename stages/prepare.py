"""Hold out the validation images and write the data set file.

Reads params.yaml and the four IDX files of data/raw/. Writes data/fashion_mnist.npz: uint8 images `[N, H, W]`, or
`[N, H, W, 3]` in colour, and labels `[N]` of train, validation and test. Equal input gives equal bytes.
"""

from stages.common import DATASET_FILE, RAW, check_libraries, reported_in_one_line
from stages.data.class_names import class_names
from stages.data.holdout import read_split, split
from stages.data.idx import TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS
from stages.params import load_params
from stages.training.dataset import write_dataset


def main() -> None:
    with reported_in_one_line("prepare"):
        params = load_params()
        check_libraries()
        train = read_split(RAW, TRAIN_IMAGES, TRAIN_LABELS)
        test = read_split(RAW, TEST_IMAGES, TEST_LABELS)
        dataset = split(train, test, params.data.validation, params.data.seed)
        class_names(RAW, dataset.labels)  # an error in their file ends the run here, before a training
        write_dataset(DATASET_FILE, dataset)
        counts = ", ".join(f"{len(part.labels)} {name}" for name, part in dataset._asdict().items())
        lowest, highest = dataset.labels[[0, -1]]
        print(f"prepare: {counts} images, {dataset.classes} classes with labels from {lowest} to {highest}")


if __name__ == "__main__":
    main()
