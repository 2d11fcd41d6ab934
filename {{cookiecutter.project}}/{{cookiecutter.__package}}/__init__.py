"""The pipeline in dvc.yaml, and the modules that its stages share."""
