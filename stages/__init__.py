"""The pipeline's stages. The commands that dvc.yaml runs are here, what they do in a folder a concern.

Imports between the folders run one way: common, data, network, training, then `params`, analysis, page, and the commands.
"""
