package template

import (
	"fmt"
	"slices"
	"strings"
)

// A shape lists the property names one mapping may have. A name in neither
// list stops the start: it would mean something in the cloud and nothing here.
type shape struct {
	// local names are read and obeyed by the local cloud.
	local []string
	// opaque names are obeyed too, and their values may hold any names.
	opaque []string
	// cloud names have a meaning in the cloud only: encryption at rest, metrics, throttling, caching, retention. They are accepted unread, and
	// the start says which (unenforced.go).
	cloud []string
}

// cloudOnlyTypes are resource types with no local meaning: what is watched, what
// is paid, and names in DNS. A trailing * matches a family. Roles and policies
// that stand by themselves are not among them: what they grant would be missing
// here, or what they deny allowed.
var cloudOnlyTypes = []string{
	"AWS::ApiGateway::Account", "AWS::ApiGateway::BasePathMapping", "AWS::ApiGateway::DomainName",
	"AWS::ApiGatewayV2::ApiMapping", "AWS::ApiGatewayV2::DomainName",
	"AWS::Backup::*", "AWS::Budgets::Budget", "AWS::CertificateManager::Certificate",
	"AWS::CloudFront::CachePolicy", "AWS::CloudFront::OriginAccessControl", "AWS::CloudFront::OriginRequestPolicy",
	"AWS::CloudFront::MonitoringSubscription",
	"AWS::CloudWatch::*", "AWS::Lambda::Permission", "AWS::Logs::*",
	"AWS::Route53::*", "AWS::SNS::*", "AWS::Scheduler::ScheduleGroup",
	"AWS::WAFv2::*",
}

func cloudOnly(kind string) bool {
	return slices.ContainsFunc(cloudOnlyTypes, func(pattern string) bool {
		if family, ok := strings.CutSuffix(pattern, "*"); ok {
			return strings.HasPrefix(kind, family)
		}
		return kind == pattern
	})
}

func words(s string) []string { return strings.Fields(s) }

// catalogue has a shape for each supported resource type and, by path, for
// each mapping inside one. An event's path ends with its type.
var catalogue = map[string]shape{
	"AWS::Serverless::Function": {
		local: words("FunctionName CodeUri Handler Runtime MemorySize Timeout Environment Events ReservedConcurrentExecutions EventInvokeConfig"),
		// Policies may hold any names here: package policy reads them.
		opaque: words("Policies"),
		cloud:  words("Description Architectures Tracing LoggingConfig Tags EphemeralStorage AutoPublishAlias DeploymentPreference SnapStart PropagateTags RuntimeManagementConfig RecursiveLoop"),
	},
	"AWS::Serverless::Function.Environment":                                   {opaque: words("Variables")},
	"AWS::Serverless::Function.EventInvokeConfig":                             {local: words("MaximumRetryAttempts DestinationConfig"), cloud: words("MaximumEventAgeInSeconds")},
	"AWS::Serverless::Function.EventInvokeConfig.DestinationConfig":           {local: words("OnFailure")},
	"AWS::Serverless::Function.EventInvokeConfig.DestinationConfig.OnFailure": {local: words("Type Destination")},
	"event HttpApi": {
		local: words("ApiId Path Method TimeoutInMillis PayloadFormatVersion"),
		cloud: words("RouteSettings"),
	},
	"event Api":               {local: words("RestApiId Path Method Auth TimeoutInMillis"), cloud: words("RequestParameters")},
	"event Api.Auth":          {local: words("ApiKeyRequired")},
	"event SQS":               {local: words("Queue BatchSize Enabled MaximumBatchingWindowInSeconds FunctionResponseTypes ScalingConfig")},
	"event SQS.ScalingConfig": {local: words("MaximumConcurrency")},
	"event ScheduleV2": {
		local: words("ScheduleExpression ScheduleExpressionTimezone Input Name State RetryPolicy FlexibleTimeWindow"),
		cloud: words("Description RoleArn PermissionsBoundary DeadLetterConfig GroupName KmsKeyArn OmitName"),
	},
	"event ScheduleV2.RetryPolicy":        {local: words("MaximumRetryAttempts"), cloud: words("MaximumEventAgeInSeconds")},
	"event ScheduleV2.FlexibleTimeWindow": {local: words("Mode"), cloud: words("MaximumWindowInMinutes")},
	"event Schedule": {
		local: words("Schedule Input Name Enabled State RetryPolicy"),
		cloud: words("Description DeadLetterConfig RoleArn"),
	},
	"event Schedule.RetryPolicy": {local: words("MaximumRetryAttempts"), cloud: words("MaximumEventAgeInSeconds")},

	"AWS::Serverless::HttpApi": {
		local: words("StageName Name"),
		cloud: words("Description AccessLogSettings DefaultRouteSettings RouteSettings DisableExecuteApiEndpoint FailOnWarnings Tags PropagateTags Domain"),
	},
	"AWS::Serverless::Api": {
		local: words("StageName Name Auth BinaryMediaTypes GatewayResponses"),
		cloud: words("Description EndpointConfiguration MethodSettings AccessLogSetting TracingEnabled OpenApiVersion MinimumCompressionSize AlwaysDeploy FailOnWarnings Tags PropagateTags DisableExecuteApiEndpoint Domain Variables ApiKeySourceType"),
	},
	"AWS::Serverless::Api.Auth": {local: words("ApiKeyRequired"), cloud: words("UsagePlan AddDefaultAuthorizerToCorsPreflight AddApiKeyRequiredToCorsPreflight ResourcePolicy")},

	gatewayResponses: {local: responseTypes},

	// A key works only through a plan of the API's stage; how much a plan
	// allows is a matter of the cloud.
	"AWS::ApiGateway::UsagePlan": {
		local: words("UsagePlanName ApiStages"),
		cloud: words("Description Throttle Quota Tags"),
	},
	"AWS::ApiGateway::UsagePlan.ApiStages": {local: words("ApiId Stage"), cloud: words("Throttle")},

	"AWS::DynamoDB::Table": {
		local: words("TableName AttributeDefinitions KeySchema GlobalSecondaryIndexes BillingMode TimeToLiveSpecification"),
		cloud: words("PointInTimeRecoverySpecification SSESpecification DeletionProtectionEnabled Tags TableClass OnDemandThroughput WarmThroughput ContributorInsightsSpecification"),
	},
	"AWS::DynamoDB::Table.AttributeDefinitions":    {local: words("AttributeName AttributeType")},
	"AWS::DynamoDB::Table.KeySchema":               {local: words("AttributeName KeyType")},
	"AWS::DynamoDB::Table.TimeToLiveSpecification": {local: words("AttributeName Enabled")},
	"AWS::DynamoDB::Table.GlobalSecondaryIndexes": {
		local: words("IndexName KeySchema Projection"),
		cloud: words("OnDemandThroughput WarmThroughput ContributorInsightsSpecification"),
	},
	"AWS::DynamoDB::Table.GlobalSecondaryIndexes.KeySchema":  {local: words("AttributeName KeyType")},
	"AWS::DynamoDB::Table.GlobalSecondaryIndexes.Projection": {local: words("ProjectionType NonKeyAttributes")},

	"AWS::S3::Bucket": {
		local: words("BucketName VersioningConfiguration ObjectLockEnabled ObjectLockConfiguration CorsConfiguration"),
		cloud: words("LifecycleConfiguration PublicAccessBlockConfiguration BucketEncryption OwnershipControls Tags LoggingConfiguration MetricsConfigurations InventoryConfigurations IntelligentTieringConfigurations"),
	},
	"AWS::S3::Bucket.VersioningConfiguration":                       {local: words("Status")},
	"AWS::S3::Bucket.ObjectLockConfiguration":                       {local: words("ObjectLockEnabled Rule")},
	"AWS::S3::Bucket.ObjectLockConfiguration.Rule":                  {local: words("DefaultRetention")},
	"AWS::S3::Bucket.ObjectLockConfiguration.Rule.DefaultRetention": {local: words("Mode Days Years")},
	"AWS::S3::Bucket.CorsConfiguration":                             {local: words("CorsRules")},
	"AWS::S3::Bucket.CorsConfiguration.CorsRules":                   {local: words("AllowedOrigins AllowedMethods AllowedHeaders ExposedHeaders MaxAge Id")},
	"AWS::S3::BucketPolicy":                                         {local: words("Bucket"), opaque: words("PolicyDocument")},

	"AWS::SQS::Queue": {
		local: words("QueueName FifoQueue ContentBasedDeduplication DeduplicationScope FifoThroughputLimit VisibilityTimeout MessageRetentionPeriod DelaySeconds MaximumMessageSize ReceiveMessageWaitTimeSeconds RedrivePolicy"),
		cloud: words("KmsMasterKeyId KmsDataKeyReusePeriodSeconds SqsManagedSseEnabled Tags RedriveAllowPolicy"),
	},
	"AWS::SQS::Queue.RedrivePolicy": {local: words("deadLetterTargetArn maxReceiveCount")},
	"AWS::SQS::QueuePolicy":         {local: words("Queues"), opaque: words("PolicyDocument")},

	"AWS::KMS::Key": {
		local:  words("KeySpec KeyUsage Enabled"),
		opaque: words("KeyPolicy"),
		cloud:  words("Description EnableKeyRotation RotationPeriodInDays PendingWindowInDays MultiRegion Tags Origin BypassPolicyLockoutSafetyCheck"),
	},
	"AWS::KMS::Alias": {local: words("AliasName TargetKeyId")},
	"AWS::SSM::Parameter": {
		local: words("Name Type Value"),
		cloud: words("Description Tier Tags AllowedPattern Policies DataType"),
	},

	"AWS::CloudFront::Function": {
		local: words("Name FunctionCode FunctionConfig"),
		cloud: words("AutoPublish Tags FunctionMetadata"),
	},
	"AWS::CloudFront::Function.FunctionConfig": {local: words("Runtime"), cloud: words("Comment")},
	"AWS::CloudFront::ResponseHeadersPolicy":   {local: words("ResponseHeadersPolicyConfig")},
	"AWS::CloudFront::ResponseHeadersPolicy.ResponseHeadersPolicyConfig": {
		local: words("Name CustomHeadersConfig SecurityHeadersConfig RemoveHeadersConfig"),
		cloud: words("Comment ServerTimingHeadersConfig"),
	},
	"AWS::CloudFront::ResponseHeadersPolicy.ResponseHeadersPolicyConfig.CustomHeadersConfig":       {local: words("Items")},
	"AWS::CloudFront::ResponseHeadersPolicy.ResponseHeadersPolicyConfig.CustomHeadersConfig.Items": {local: words("Header Value Override")},
	"AWS::CloudFront::ResponseHeadersPolicy.ResponseHeadersPolicyConfig.RemoveHeadersConfig":       {local: words("Items")},
	"AWS::CloudFront::ResponseHeadersPolicy.ResponseHeadersPolicyConfig.RemoveHeadersConfig.Items": {local: words("Header")},
	"AWS::CloudFront::ResponseHeadersPolicy.ResponseHeadersPolicyConfig.SecurityHeadersConfig": {
		local: words("ContentSecurityPolicy ContentTypeOptions FrameOptions ReferrerPolicy StrictTransportSecurity XSSProtection"),
	},
	securityHeaders + "ContentSecurityPolicy":   {local: words("ContentSecurityPolicy Override")},
	securityHeaders + "ContentTypeOptions":      {local: words("Override")},
	securityHeaders + "FrameOptions":            {local: words("FrameOption Override")},
	securityHeaders + "ReferrerPolicy":          {local: words("ReferrerPolicy Override")},
	securityHeaders + "StrictTransportSecurity": {local: words("AccessControlMaxAgeSec IncludeSubdomains Preload Override")},
	securityHeaders + "XSSProtection":           {local: words("Protection ModeBlock Override")},
	"AWS::CloudFront::Distribution":             {local: words("DistributionConfig"), cloud: words("Tags")},
	"AWS::CloudFront::Distribution.DistributionConfig": {
		local: words("Enabled Origins DefaultCacheBehavior CacheBehaviors DefaultRootObject"),
		cloud: words("Aliases Comment HttpVersion IPV6Enabled Logging PriceClass Restrictions Staging ViewerCertificate WebACLId"),
	},
	"AWS::CloudFront::Distribution.DistributionConfig.Origins": {
		local: words("Id DomainName OriginPath OriginCustomHeaders"),
		cloud: words("ConnectionAttempts ConnectionTimeout CustomOriginConfig OriginAccessControlId OriginShield S3OriginConfig"),
	},
	"AWS::CloudFront::Distribution.DistributionConfig.Origins.OriginCustomHeaders":               {local: words("HeaderName HeaderValue")},
	"AWS::CloudFront::Distribution.DistributionConfig.DefaultCacheBehavior":                      behavior,
	"AWS::CloudFront::Distribution.DistributionConfig.DefaultCacheBehavior.FunctionAssociations": {local: words("EventType FunctionARN")},
	"AWS::CloudFront::Distribution.DistributionConfig.CacheBehaviors":                            behavior,
	"AWS::CloudFront::Distribution.DistributionConfig.CacheBehaviors.FunctionAssociations":       {local: words("EventType FunctionARN")},
}

const gatewayResponses = "AWS::Serverless::Api.GatewayResponses"

// responseTypes are what a REST API answers by itself here.
var responseTypes = words("ACCESS_DENIED BAD_REQUEST_BODY BAD_REQUEST_PARAMETERS INVALID_API_KEY MISSING_AUTHENTICATION_TOKEN QUOTA_EXCEEDED REQUEST_TOO_LARGE THROTTLED UNSUPPORTED_MEDIA_TYPE DEFAULT_4XX DEFAULT_5XX")

func init() {
	for _, kind := range responseTypes {
		catalogue[gatewayResponses+"."+kind] = shape{local: words("StatusCode ResponseParameters"), opaque: words("ResponseTemplates")}
		catalogue[gatewayResponses+"."+kind+".ResponseParameters"] = shape{opaque: words("Headers")}
	}
}

const securityHeaders = "AWS::CloudFront::ResponseHeadersPolicy.ResponseHeadersPolicyConfig.SecurityHeadersConfig."

var behavior = shape{
	local: words("PathPattern TargetOriginId AllowedMethods FunctionAssociations ResponseHeadersPolicyId"),
	cloud: words("CachedMethods CachePolicyId OriginRequestPolicyId Compress ViewerProtocolPolicy SmoothStreaming"),
}

// checkResource reports every name of r that is in no list.
func checkResource(r resource) []error {
	if _, ok := catalogue[r.kind]; !ok {
		return []error{fmt.Errorf("resource %s: type %s is not supported by the local cloud", r.id, r.kind)}
	}
	var problems []error
	complain := func(path, name string) {
		problems = append(problems, fmt.Errorf("resource %s: %s.%s is not supported by the local cloud", r.id, path, name))
	}
	checkNames(r.kind, r.properties, complain)
	if r.kind == "AWS::Serverless::Function" {
		problems = append(problems, checkEvents(r)...)
	}
	return problems
}

func checkNames(path string, m map[string]any, complain func(path, name string)) {
	s := catalogue[path]
	for _, name := range sorted(m) {
		switch {
		case slices.Contains(s.cloud, name), slices.Contains(s.opaque, name):
		case !slices.Contains(s.local, name):
			complain(path, name)
		case path == "AWS::Serverless::Function" && name == "Events":
			// Each event has a shape of its own: checkEvents.
		default:
			checkValue(path+"."+name, m[name], complain)
		}
	}
}

func checkValue(path string, v any, complain func(path, name string)) {
	switch x := v.(type) {
	case map[string]any:
		if !isIntrinsic(x) {
			checkNames(path, x, complain)
			return
		}
		if branches, ok := x["Fn::If"].([]any); ok {
			for _, b := range branches[1:] {
				checkValue(path, b, complain)
			}
		}
	case []any:
		for _, item := range x {
			checkValue(path, item, complain)
		}
	}
}

func checkEvents(r resource) []error {
	var problems []error
	events := mapping(r.properties["Events"])
	for _, name := range sorted(events) {
		e := mapping(events[name])
		for _, field := range sorted(e) {
			if field != "Type" && field != "Properties" {
				problems = append(problems, fmt.Errorf("resource %s: event %s: %s is not supported by the local cloud", r.id, name, field))
			}
		}
		path := "event " + text(e["Type"])
		if _, ok := catalogue[path]; !ok {
			problems = append(problems, fmt.Errorf("resource %s: event %s: type %s is not supported by the local cloud", r.id, name, text(e["Type"])))
			continue
		}
		checkNames(path, mapping(e["Properties"]), func(path, field string) {
			problems = append(problems, fmt.Errorf("resource %s: event %s: %s.%s is not supported by the local cloud", r.id, name, path, field))
		})
	}
	return problems
}
