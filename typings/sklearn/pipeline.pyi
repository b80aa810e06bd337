from typing import Any

from sklearn import Classifier

def make_pipeline(*steps: Any) -> Classifier: ...
