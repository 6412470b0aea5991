"""AcSelect clicks as a careful user of cv2, scipy, cc3d, edt, scikit-image and numpy would write them, image by image.

A pipeline is a labelling, a way to reduce over regions and a distance transform; `pipelines()` lists the combinations
whose packages are installed, and the benchmark races all of them and reports the fastest of each cell.
"""

from __future__ import annotations

import importlib.util
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

WEIGHTS, FLOOR = (0.35, 0.35, 0.30), 1e-6
EIGHT = np.ones((3, 3), np.int8)

Boxes = NDArray[np.int32]  # (regions, 4): x, y, width, height; entry 0 is the background
Labelling = Callable[[NDArray[np.bool_]], tuple[NDArray, int, NDArray, Boxes]]
Scores = Callable[[NDArray, NDArray, int, NDArray, Boxes, bool], NDArray]


def label_cv2(mask):
    """Labels, number of labels with the background, areas, boxes."""
    count, labels, stats, _ = cv2.connectedComponentsWithStatsWithAlgorithm(
        mask.view(np.uint8), 8, cv2.CV_32S, cv2.CCL_SPAGHETTI
    )
    return labels, count, stats[:, cv2.CC_STAT_AREA], stats[:, :4]


def label_cc3d(mask):
    """As label_cv2, with cc3d."""
    import cc3d

    labels, count = cc3d.connected_components(mask, connectivity=8, return_N=True, out_dtype=np.uint32)
    stats = cc3d.statistics(labels, no_slice_conversion=True)
    y0, y1, x0, x1 = stats["bounding_boxes"].T.astype(np.int32)
    boxes = np.stack([x0, y0, x1 - x0 + 1, y1 - y0 + 1], axis=1)
    return labels, count + 1, stats["voxel_counts"].astype(np.int64), boxes


def label_scipy(mask):
    """As label_cv2, with scipy."""
    labels, count = ndimage.label(mask, EIGHT)
    boxes = [(x.start, y.start, x.stop - x.start, y.stop - y.start) for y, x in ndimage.find_objects(labels)]
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    return labels, count + 1, areas, np.array([(0, 0, 0, 0), *boxes], np.int32)


def label_skimage(mask):
    """As label_cv2, with scikit-image."""
    from skimage.measure import label

    labels, count = label(mask, connectivity=2, return_num=True)
    boxes = [(x.start, y.start, x.stop - x.start, y.stop - y.start) for y, x in ndimage.find_objects(labels)]
    areas = np.bincount(labels.ravel(), minlength=count + 1)
    return labels, count + 1, areas, np.array([(0, 0, 0, 0), *boxes], np.int32)


def entropy(p):
    """Entropy of float32 probabilities in nats."""
    q = np.clip(p, 1e-12, 1 - 1e-7)
    r = 1 - q
    return -(q * np.log(q) + r * np.log(r))


def combine(largest, total, extreme, probability, areas):
    """Eq. 6 from the regions' statistics."""
    gap = np.maximum(np.abs(extreme - probability / areas), FLOOR)
    return WEIGHTS[0] * largest + WEIGHTS[1] * total / areas + WEIGHTS[2] * (1 - np.log(gap))


def literal_bincount(p, labels, count, areas, boxes, positive):
    """Sums by bincount, extremes by ufunc.at, over error pixels only."""
    at = np.flatnonzero(labels)
    region, prob = labels.ravel()[at], p.ravel()[at]
    information = entropy(prob)
    largest = np.zeros(count, np.float32)
    np.maximum.at(largest, region, information)
    extreme = np.full(count, 1 if positive else 0, np.float32)
    (np.minimum if positive else np.maximum).at(extreme, region, prob)
    total, probability = np.bincount(region, information, count), np.bincount(region, prob, count)
    return combine(largest, total, extreme, probability, np.maximum(areas, 1))


def literal_sorted(p, labels, count, areas, boxes, positive):
    """Error pixels sorted by region, then reduceat."""
    at = np.flatnonzero(labels)
    region = labels.ravel()[at]
    order = at[np.argsort(region, kind="stable")]
    prob = p.ravel()[order]
    information = entropy(prob)
    starts = np.concatenate([[0], np.cumsum(areas[1:-1])])
    extreme = (np.minimum if positive else np.maximum).reduceat(prob, starts)
    scores = combine(
        np.maximum.reduceat(information, starts),
        np.add.reduceat(information, starts, dtype=np.float64),
        extreme,
        np.add.reduceat(prob, starts, dtype=np.float64),
        areas[1:],
    )
    return np.concatenate([[0], scores])


def literal_boxes(p, labels, count, areas, boxes, positive):
    """One region after the other in its box: fast where there are few."""
    scores = np.zeros(count)
    for region in range(1, count):
        x, y, width, height = boxes[region]
        box = np.s_[y : y + height, x : x + width]
        prob = p[box][labels[box] == region]
        information = entropy(prob)
        extreme = prob.min() if positive else prob.max()
        total, probability = information.sum(dtype=np.float64), prob.sum(dtype=np.float64)
        scores[region] = combine(information.max(), total, extreme, probability, areas[region])
    return scores


def error_sum_bincount(p, labels, count, areas, boxes, positive):
    """Sums of |p - g| by bincount over error pixels."""
    at = np.flatnonzero(labels)
    region, prob = labels.ravel()[at], p.ravel()[at]
    return np.bincount(region, 1 - prob if positive else prob, count)


def error_sum_boxes(p, labels, count, areas, boxes, positive):
    """Sums of |p - g| one region after the other."""
    scores = np.zeros(count)
    for region in range(1, count):
        x, y, width, height = boxes[region]
        box = np.s_[y : y + height, x : x + width]
        total = p[box][labels[box] == region].sum(dtype=np.float64)
        scores[region] = areas[region] - total if positive else total
    return scores


def distance_cv2(mask):
    """cv2's precise transform; the border counts as an edge."""
    wide = cv2.copyMakeBorder(mask.view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return cv2.distanceTransform(wide, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]


def distance_edt(mask):
    """The edt package."""
    import edt

    return edt.edtsq(mask, black_border=True, parallel=1)


@dataclass(frozen=True)
class Pipeline:
    """One way to select a click."""

    name: str
    label: Labelling
    scores: Scores
    distance: Callable[[NDArray], NDArray]

    @property
    def names(self):
        """Of labelling, reduction and transform."""
        return self.name.split(" + ")

    def regions(self, prob, target):
        """Labels, boxes and scores by error class (True: missed object), of the classes that have regions."""
        predicted, found = prob > 0.5, []
        for positive, mask in ((True, target & ~predicted), (False, predicted & ~target)):
            labels, count, areas, boxes = self.label(mask)
            if count > 1:
                found.append((positive, labels, boxes, self.scores(prob, labels, count, areas, boxes, positive)))
        return found

    def click(self, prob, target):
        """(y, x, positive) of one image, or None."""
        best = None
        for positive, labels, boxes, scores in self.regions(prob, target):
            region = 1 + int(np.argmax(scores[1:]))
            if best is None or scores[region] > best[0]:
                best = scores[region], positive, labels, region, boxes[region]
        if best is None:
            return None
        _, positive, labels, region, (x, y, width, height) = best
        distance = self.distance(labels[y : y + height, x : x + width] == region)
        dy, dx = divmod(int(np.argmax(distance)), int(width))
        return int(y) + dy, int(x) + dx, positive


def pipelines(reading: str) -> list[Pipeline]:
    """Every combination of labelling, reduction and transform whose packages are installed."""
    labellings = {"cv2": label_cv2, "scipy": label_scipy}
    if importlib.util.find_spec("cc3d"):
        labellings["cc3d"] = label_cc3d
    if importlib.util.find_spec("skimage"):
        labellings["skimage"] = label_skimage
    reductions = {
        "literal": {"bincount": literal_bincount, "sort": literal_sorted, "boxes": literal_boxes},
        "error_sum": {"bincount": error_sum_bincount, "boxes": error_sum_boxes},
    }[reading]
    transforms = {"cv2": distance_cv2}
    if importlib.util.find_spec("edt"):
        transforms["edt"] = distance_edt
    return [
        Pipeline(" + ".join(names), labellings[names[0]], reductions[names[1]], transforms[names[2]])
        for names in itertools.product(labellings, reductions, transforms)
    ]
