"""Copies are of what was there when they were asked for, whatever training does until they are brought."""

from threading import Thread

import torch

from assay_pipelines.train.copies import copied


def test_copies_are_of_the_moment_at_which_they_were_asked_for():
    weights = {str(number): torch.full((1000, 1000), float(number), device="cuda") for number in range(20)}

    bring, told = copied(weights.items()), []
    beside = Thread(target=lambda: told.append(bring()))
    beside.start()
    for _ in range(100):
        for weight in weights.values():
            weight.add_(1)
    beside.join()

    for number in range(20):
        assert told[0][str(number)].device.type == "cpu"
        assert (told[0][str(number)] == number).all()
