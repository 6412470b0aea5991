"""Folders of small NIfTI volumes, made up."""

import nibabel
import numpy as np


def write_volume(path, values, spacing=(1.0, 1.0, 1.0)):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(values, np.diag([*spacing, 1.0])), path)


def write_blobs(root, count=10, size=(14, 16, 12), labels="labels"):
    """Noise with two bright boxes, the classes 1 and 2, the second brighter; sizes vary by one voxel."""
    for number in range(1, count + 1):
        generator = np.random.default_rng(number)
        here = tuple(side + number % 2 for side in size)
        image, classes = generator.normal(0, 20, here), np.zeros(here, np.uint8)
        y, x, z = generator.integers(1, 4, 3)
        classes[y : y + 5, x : x + 6, z : z + 6] = 1
        classes[y + 5 : y + 10, x : x + 6, z : z + 6] = 2
        image += 100 * classes
        write_volume(root / "images" / f"case_{number:03d}.nii.gz", image.astype(np.float32))
        write_volume(root / labels / f"case_{number:03d}.nii.gz", classes)
    return root
