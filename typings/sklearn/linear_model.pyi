from typing import Any

from sklearn import Classifier

class LogisticRegression(Classifier):
    def __init__(self, **parameters: Any) -> None: ...
