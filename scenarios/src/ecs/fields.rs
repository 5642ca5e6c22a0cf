//! The field names that ECS knows, so that a field outside them can be named as unknown.
//!
//! Source: Amazon ECS API, `RegisterTaskDefinition` and the types below it (specified).

/// Fields of a task definition, registered or described.
pub(crate) const TASK_DEFINITION: &[&str] = &[
    "compatibilities",
    "containerDefinitions",
    "cpu",
    "deleteRequestedAt",
    "deregisteredAt",
    "enableFaultInjection",
    "ephemeralStorage",
    "executionRoleArn",
    "family",
    "inferenceAccelerators",
    "ipcMode",
    "memory",
    "networkMode",
    "pidMode",
    "placementConstraints",
    "proxyConfiguration",
    "registeredAt",
    "registeredBy",
    "requiresAttributes",
    "requiresCompatibilities",
    "revision",
    "runtimePlatform",
    "status",
    "tags",
    "taskDefinitionArn",
    "taskRoleArn",
    "volumes",
];

/// Fields of one placement constraint.
pub(crate) const PLACEMENT_CONSTRAINT: &[&str] = &["expression", "type"];

/// Fields of one container definition.
pub(crate) const CONTAINER: &[&str] = &[
    "command",
    "cpu",
    "credentialSpecs",
    "dependsOn",
    "disableNetworking",
    "dnsSearchDomains",
    "dnsServers",
    "dockerLabels",
    "dockerSecurityOptions",
    "entryPoint",
    "environment",
    "environmentFiles",
    "essential",
    "extraHosts",
    "firelensConfiguration",
    "healthCheck",
    "hostname",
    "image",
    "interactive",
    "links",
    "linuxParameters",
    "logConfiguration",
    "memory",
    "memoryReservation",
    "mountPoints",
    "name",
    "portMappings",
    "privileged",
    "pseudoTerminal",
    "readonlyRootFilesystem",
    "repositoryCredentials",
    "resourceRequirements",
    "restartPolicy",
    "secrets",
    "startTimeout",
    "stopTimeout",
    "systemControls",
    "ulimits",
    "user",
    "versionConsistency",
    "volumesFrom",
    "workingDirectory",
];

/// Fields of one port mapping.
pub(crate) const PORT_MAPPING: &[&str] = &[
    "appProtocol",
    "containerPort",
    "containerPortRange",
    "hostPort",
    "name",
    "protocol",
];
