from typing import Any

from sklearn import Classifier

class ExtraTreesClassifier(Classifier):
    def __init__(self, *, random_state: int, n_jobs: int, **parameters: Any) -> None: ...

class HistGradientBoostingClassifier(Classifier):
    def __init__(self, *, random_state: int, **parameters: Any) -> None: ...
