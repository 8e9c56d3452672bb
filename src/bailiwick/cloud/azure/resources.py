"""What Azure checks: the making of an account, and of a deployment in it. Never a call."""

from collections.abc import Mapping

Resource = Mapping[str, str]
"""Field or alias, in lower case, to value: ``type``, ``location``, ``kind``, aliases."""
ACCOUNTS = "Microsoft.CognitiveServices/accounts"
DEPLOYMENTS = "Microsoft.CognitiveServices/accounts/deployments"
MACHINE_LEARNING = tuple(
    f"Microsoft.MachineLearningServices/workspaces/{kind}"
    for kind in ("serverlessEndpoints", "onlineEndpoints", "batchEndpoints")
)
"""Another service that runs models; its rules see the type and nothing of the model."""
KINDS = ("OpenAI", "AIServices")
"""Kinds of account that have model deployments, as reported 2026-11."""
OTHER_KINDS = (
    "AnomalyDetector", "CognitiveServices", "ComputerVision", "ContentModerator", "ContentSafety",
    "ConversationalLanguageUnderstanding", "CustomVision.Prediction", "CustomVision.Training",
    "Face", "FormRecognizer", "HealthInsights", "ImmersiveReader", "LUIS", "LUIS.Authoring",
    "MetricsAdvisor", "Personalizer", "QnAMaker", "QnAMaker.v2", "SpeechServices", "TextAnalytics",
    "TextTranslation",
)  # fmt: skip
"""Kinds that have none. One that is in neither list is held like one that has."""
TYPES = tuple(one.lower() for one in (ACCOUNTS, DEPLOYMENTS, *MACHINE_LEARNING))
FORMAT = f"{DEPLOYMENTS}/model.format"
NAME = f"{DEPLOYMENTS}/model.name"
SKU = f"{DEPLOYMENTS}/sku.name"


def account(kind: str, location: str) -> Resource:
    """Describe an account that is made."""
    return {"type": ACCOUNTS, "kind": kind, "location": location}


def deployment(name: str, sku: str) -> Resource:
    """Describe a deployment that is made; ``name`` is ``FORMAT/NAME``."""
    form, _, model = name.partition("/")
    return {
        "type": DEPLOYMENTS,
        FORMAT.lower(): form,
        NAME.lower(): model,
        SKU.lower(): sku,
    }
