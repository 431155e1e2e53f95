"""The pipeline's stages: on top the commands that dvc.yaml runs, below them a folder a concern.

Imports between folders run one way: common, data, network, training, then `params`, analysis, page, and the commands.
"""
