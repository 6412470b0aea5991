"""The paper's augmentation (section 4.1): scale, flip, rotation, brightness, crop; one call for a whole batch.

Past the paper: windows around the object (`zoom`) and other colours (`colour`).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from activefreq.training.chance import Chance

__all__ = ["augment"]


def augment(
    images: torch.Tensor,
    masks: torch.Tensor,
    chance: Chance,
    scale: tuple[float, float] = (0.75, 1.25),
    rotation: float = math.pi,
    brightness: float = 0.2,
    zoom: float = 0.0,
    colour: float = 0.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random similarity transform, mirror and brightness for each image of a batch.

    Scaling, rotating and shifting happen in one resampling, whose window is the crop: an image scaled up is cropped
    at a random place, one scaled down is continued by reflection.

    Args:
        images: (B, 3, H, W) float in [0, 1], on any device.
        masks: (B, H, W) int8 of 1, 0, -1, there too.
        chance: of these images, on their device.
        scale: range of the magnification.
        rotation: largest angle either way, radians. Dermoscopy has no upright, so the default is any angle.
        brightness: brightness and contrast change by at most this fraction.
        zoom: share of the images whose window is not drawn anywhere, but around the object: 1.1 to 2 times its
            bounding box, shifted by up to a tenth. The network then knows what a crop looks like.
        colour: saturation changes by at most this fraction, hue by half as many radians, each channel by half this
            fraction (another white balance).

    Returns:
        Images in [0, 1] and masks of the same shapes, on the device of `images`.
    """
    batch, uniform = images.shape[0], chance.uniform
    factor, angle = uniform(*scale), uniform(-rotation, rotation)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    # The window has side 1 / factor of the image; it may move while it stays inside, or by 10 % where it is larger.
    room = (1 - 1 / factor).clamp(min=0.1)
    shift_x, shift_y = uniform(-1, 1) * room, uniform(-1, 1) * room
    if zoom:
        centre_x, centre_y, extent = _object_box(masks)
        window = (extent * uniform(1.1, 2.0)).clamp(0.15, 1.3)
        jitter_x, jitter_y = uniform(-0.1, 0.1) * window, uniform(-0.1, 0.1) * window
        zoomed = (uniform(0, 1) < zoom) & (extent > 0)
        factor = torch.where(zoomed, 1 / window, factor)
        shift_x = torch.where(zoomed, centre_x + jitter_x, shift_x)
        shift_y = torch.where(zoomed, centre_y + jitter_y, shift_y)
    cosine, sine = angle.cos() / factor, angle.sin() / factor
    matrix = torch.stack(
        [
            torch.stack([cosine * mirror, -sine, shift_x], dim=1),
            torch.stack([sine * mirror, cosine, shift_y], dim=1),
        ],
        dim=1,
    )
    grid = F.affine_grid(matrix, [batch, 1, *images.shape[-2:]], align_corners=False)

    def resample(planes: torch.Tensor, mode: str) -> torch.Tensor:
        return F.grid_sample(planes, grid, mode=mode, padding_mode="reflection", align_corners=False)

    object_share = resample((masks == 1).unsqueeze(1).to(images.dtype), "bilinear").squeeze(1)
    ignored = resample((masks == -1).unsqueeze(1).to(images.dtype), "nearest").squeeze(1)
    moved_masks = torch.where(ignored > 0.5, -1, (object_share > 0.5).to(torch.int8)).to(torch.int8)

    moved = resample(images, "bilinear")
    if colour:
        moved = _recoloured(moved, chance, colour)
    gain = uniform(1 - brightness, 1 + brightness).view(-1, 1, 1, 1)
    offset = uniform(-brightness, brightness).view(-1, 1, 1, 1) / 2
    mean = moved.mean((1, 2, 3), keepdim=True)
    return ((moved - mean) * gain + mean + offset).clamp(0, 1), moved_masks


def _recoloured(images: torch.Tensor, chance: Chance, colour: float) -> torch.Tensor:
    """Images with another hue, saturation and white balance: x -> diag(g) (s R + (1 - s) J) x for a pixel (r, g, b).

    J = 1 1ᵀ / 3 takes a colour to its grey, R turns colours about the grey axis by a (Rodrigues' formula with axis
    1 / sqrt 3), so grey stays grey for every saturation s and hue a; g are the gains of the channels.
    """
    saturation = chance.uniform(1 - colour, 1 + colour, 1, 1)
    hue = chance.uniform(-colour / 2, colour / 2, 1, 1)
    gain = chance.uniform(1 - colour / 2, 1 + colour / 2, 3, 1)
    grey = images.new_full((3, 3), 1 / 3)
    cross = images.new_tensor([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    turn = hue.cos() * torch.eye(3, device=images.device) + hue.sin() * cross + (1 - hue.cos()) * grey
    matrix = gain * (saturation * turn + (1 - saturation) * grey)
    return (matrix @ images.flatten(2)).view_as(images)


def _object_box(masks: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Centre (x, y) of each object's bounding box and half its longer side, in units of half an image; (B,) each.

    The half side is 0 where there is no object.
    """
    found = masks == 1
    bounds = []
    for lines in (found.any(dim=1), found.any(dim=2)):  # columns with object, rows with object
        size = lines.shape[1]
        position = torch.arange(size, device=masks.device)
        first = torch.where(lines, position, size).amin(dim=1)
        last = torch.where(lines, position, -1).amax(dim=1)
        bounds.append(((first + last + 1) / size - 1, ((last + 1 - first) / size).clamp(min=0)))
    (centre_x, half_width), (centre_y, half_height) = bounds
    return centre_x, centre_y, torch.maximum(half_width, half_height)
