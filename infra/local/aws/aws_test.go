package aws_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/apigateway"
	"github.com/aws/aws-sdk-go-v2/service/apigateway/types"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/aws/smithy-go"

	"sportello/infra/local/aws"
	"sportello/infra/local/template"
)

var keys = []template.Key{
	{ID: "IdentityKey", KeyID: "11111111-1111-4111-8111-111111111111", Spec: "RSA_2048", Usage: "SIGN_VERIFY", Aliases: []string{"alias/identity"}},
	{ID: "SealKey", KeyID: "22222222-2222-4222-8222-222222222222", Spec: "ECC_NIST_P256", Usage: "SIGN_VERIFY", Aliases: []string{"alias/seal"}},
}

// open starts the services on a folder and gives the SDK's settings for them.
func open(t *testing.T, dir string) (*aws.Services, sdk.Config) {
	t.Helper()
	s, err := aws.Open(aws.Config{Dir: dir, Region: "eu-south-1", Account: "000000000000", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Keys.Provision(keys); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, sdk.Config{
		Region: "eu-south-1", BaseEndpoint: sdk.String(server.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("a", "b", ""), HTTPClient: http.DefaultClient,
	}
}

func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return fmt.Sprint(err)
}

func TestSign(t *testing.T) {
	_, config := open(t, t.TempDir())
	client := kms.NewFromConfig(config)
	message := []byte("sportello")
	digest := sha256.Sum256(message)
	for _, c := range []struct {
		key       string
		algorithm kmstypes.SigningAlgorithmSpec
		kind      kmstypes.MessageType
		message   []byte
		check     func(public any, signature []byte) bool
	}{
		{"alias/identity", kmstypes.SigningAlgorithmSpecRsassaPkcs1V15Sha256, kmstypes.MessageTypeRaw, message, func(p any, s []byte) bool {
			return rsa.VerifyPKCS1v15(p.(*rsa.PublicKey), crypto.SHA256, digest[:], s) == nil
		}},
		{"11111111-1111-4111-8111-111111111111", kmstypes.SigningAlgorithmSpecRsassaPkcs1V15Sha256, kmstypes.MessageTypeDigest, digest[:], func(p any, s []byte) bool {
			return rsa.VerifyPKCS1v15(p.(*rsa.PublicKey), crypto.SHA256, digest[:], s) == nil
		}},
		{"arn:aws:kms:eu-south-1:000000000000:alias/identity", kmstypes.SigningAlgorithmSpecRsassaPssSha256, kmstypes.MessageTypeRaw, message, func(p any, s []byte) bool {
			return rsa.VerifyPSS(p.(*rsa.PublicKey), crypto.SHA256, digest[:], s, nil) == nil
		}},
		{"arn:aws:kms:eu-south-1:000000000000:key/22222222-2222-4222-8222-222222222222", kmstypes.SigningAlgorithmSpecEcdsaSha256, kmstypes.MessageTypeDigest, digest[:], func(p any, s []byte) bool {
			return ecdsa.VerifyASN1(p.(*ecdsa.PublicKey), digest[:], s)
		}},
	} {
		signed, err := client.Sign(t.Context(), &kms.SignInput{KeyId: &c.key, Message: c.message, MessageType: c.kind, SigningAlgorithm: c.algorithm})
		if err != nil {
			t.Fatalf("%s: %v", c.key, err)
		}
		public, err := client.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: &c.key})
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParsePKIXPublicKey(public.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		if !c.check(parsed, signed.Signature) {
			t.Errorf("%s with %s: the signature does not verify", c.key, c.algorithm)
		}
		verify := &kms.VerifyInput{KeyId: &c.key, Message: c.message, MessageType: c.kind, SigningAlgorithm: c.algorithm, Signature: signed.Signature}
		if out, err := client.Verify(t.Context(), verify); err != nil || !out.SignatureValid {
			t.Errorf("%s: KMS itself says %v", c.key, err)
		}
		verify.Signature[10] ^= 1
		if _, err := client.Verify(t.Context(), verify); code(err) != "KMSInvalidSignatureException" {
			t.Errorf("%s: a broken signature gave %v", c.key, err)
		}
	}
}

func TestKeyErrors(t *testing.T) {
	_, config := open(t, t.TempDir())
	client := kms.NewFromConfig(config)
	sign := func(key string, algorithm kmstypes.SigningAlgorithmSpec, kind kmstypes.MessageType, message string) error {
		_, err := client.Sign(t.Context(), &kms.SignInput{KeyId: &key, Message: []byte(message), MessageType: kind, SigningAlgorithm: algorithm})
		return err
	}
	for want, err := range map[string]error{
		"NotFoundException":        sign("alias/none", kmstypes.SigningAlgorithmSpecEcdsaSha256, kmstypes.MessageTypeRaw, "x"),
		"InvalidKeyUsageException": sign("alias/seal", kmstypes.SigningAlgorithmSpecRsassaPkcs1V15Sha256, kmstypes.MessageTypeRaw, "x"),
		"ValidationException":      sign("alias/seal", kmstypes.SigningAlgorithmSpecEcdsaSha256, kmstypes.MessageTypeDigest, "short"),
	} {
		if code(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := client.ListKeys(t.Context(), &kms.ListKeysInput{}); code(err) != "UnsupportedOperationException" {
		t.Errorf("an unknown call gave %v", err)
	}
	got, err := client.DescribeKey(t.Context(), &kms.DescribeKeyInput{KeyId: sdk.String("alias/seal")})
	if err != nil || got.KeyMetadata.KeySpec != kmstypes.KeySpecEccNistP256 || !got.KeyMetadata.Enabled {
		t.Errorf("described %+v (%v)", got, err)
	}
}

func TestCreateKey(t *testing.T) {
	_, config := open(t, t.TempDir())
	client := kms.NewFromConfig(config)
	made, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{KeySpec: kmstypes.KeySpecEccNistP256, KeyUsage: kmstypes.KeyUsageTypeSignVerify})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: sdk.String("alias/new"), TargetKeyId: made.KeyMetadata.KeyId}); err != nil {
		t.Fatal(err)
	}
	if _, err := client.GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: sdk.String("alias/new")}); err != nil {
		t.Error(err)
	}
}

// TestKept starts the services again: keys, parameters and API keys are the
// same, and nobody but their owner can read them.
func TestKept(t *testing.T) {
	dir := t.TempDir()
	public := func() []byte {
		s, config := open(t, dir)
		if err := s.Parameters.Seed("/sportello/local/origin", "SecureString", func() string { return time.Now().String() }); err != nil {
			t.Fatal(err)
		}
		got, err := kms.NewFromConfig(config).GetPublicKey(t.Context(), &kms.GetPublicKeyInput{KeyId: sdk.String("alias/identity")})
		if err != nil {
			t.Fatal(err)
		}
		value, _ := s.Parameters.Value("/sportello/local/origin")
		return append(got.PublicKey, value...)
	}
	if first, second := public(), public(); string(first) != string(second) {
		t.Error("the second start made other secrets")
	}
	files := 0
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		info, err := entry.Info()
		if err == nil && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil || files < 3 {
		t.Errorf("%d files (%v)", files, err)
	}
}

func TestProvisionRefusesAnotherSpec(t *testing.T) {
	s, _ := open(t, t.TempDir())
	if err := s.Keys.Provision([]template.Key{{ID: "SealKey", KeyID: keys[1].KeyID, Spec: "RSA_2048", Usage: "SIGN_VERIFY"}}); err == nil {
		t.Error("a key changed its spec")
	}
	if err := s.Keys.Provision([]template.Key{{ID: "Secret", KeyID: "3", Spec: "SYMMETRIC_DEFAULT", Usage: "ENCRYPT_DECRYPT"}}); err == nil {
		t.Error("an unsupported spec was taken")
	}
}

func TestParameters(t *testing.T) {
	s, config := open(t, t.TempDir())
	client := ssm.NewFromConfig(config)
	for i := range 12 {
		if err := s.Parameters.Put(fmt.Sprintf("/sportello/local/pec/c%02d", i), "SecureString", fmt.Sprint("secret ", i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Parameters.Put("/sportello/local/pec-trust", "String", "PEM"); err != nil {
		t.Fatal(err)
	}
	got, err := client.GetParameter(t.Context(), &ssm.GetParameterInput{Name: sdk.String("/sportello/local/pec/c03"), WithDecryption: sdk.Bool(true)})
	if err != nil || sdk.ToString(got.Parameter.Value) != "secret 3" || got.Parameter.Type != ssmtypes.ParameterTypeSecureString {
		t.Errorf("got %+v (%v)", got, err)
	}
	closed, err := client.GetParameter(t.Context(), &ssm.GetParameterInput{Name: sdk.String("/sportello/local/pec/c03")})
	if err != nil || sdk.ToString(closed.Parameter.Value) == "secret 3" {
		t.Errorf("a secret was shown without decryption (%v)", err)
	}
	var absent *ssmtypes.ParameterNotFound
	if _, err := client.GetParameter(t.Context(), &ssm.GetParameterInput{Name: sdk.String("/none")}); !errors.As(err, &absent) {
		t.Errorf("got %v", err)
	}
	some, err := client.GetParameters(t.Context(), &ssm.GetParametersInput{Names: []string{"/sportello/local/pec-trust", "/none"}})
	if err != nil || len(some.Parameters) != 1 || len(some.InvalidParameters) != 1 {
		t.Errorf("got %+v (%v)", some, err)
	}
	found := 0
	pages := ssm.NewGetParametersByPathPaginator(client, &ssm.GetParametersByPathInput{Path: sdk.String("/sportello/local/pec"), WithDecryption: sdk.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		found += len(page.Parameters)
	}
	if found != 12 {
		t.Errorf("found %d by path, want 12", found)
	}
	put := &ssm.PutParameterInput{Name: sdk.String("/sportello/local/new"), Value: sdk.String("1"), Type: ssmtypes.ParameterTypeString}
	if _, err := client.PutParameter(t.Context(), put); err != nil {
		t.Error(err)
	}
	if _, err := client.PutParameter(t.Context(), put); code(err) != "ParameterAlreadyExists" {
		t.Errorf("got %v", err)
	}
}

func TestAPIKeys(t *testing.T) {
	dir := t.TempDir()
	s, config := open(t, dir)
	s.Gateway.Provision([]template.Plan{
		{ID: "MilanoUsagePlan", PhysicalID: "milanoplan", Name: "sportello-local-milano", APIs: []string{"ChamberApi"}},
		{ID: "OtherPlan", PhysicalID: "otherplan", Name: "other"},
	})
	ctx := t.Context()
	client := apigateway.NewFromConfig(config)
	const value = "a-key-value-of-some-length"
	made, err := client.CreateApiKey(ctx, &apigateway.CreateApiKeyInput{Name: sdk.String("sportello-local-milano-gestionale"), Value: sdk.String(value), Enabled: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Gateway.Allowed("ChamberApi", value); ok {
		t.Error("a key without a plan is let through")
	}
	plans, err := client.GetUsagePlans(ctx, &apigateway.GetUsagePlansInput{})
	if err != nil || len(plans.Items) != 2 || sdk.ToString(plans.Items[0].Name) != "sportello-local-milano" {
		t.Fatalf("plans %+v (%v)", plans, err)
	}
	attach := &apigateway.CreateUsagePlanKeyInput{UsagePlanId: plans.Items[0].Id, KeyId: made.Id, KeyType: sdk.String("API_KEY")}
	if _, err := client.CreateUsagePlanKey(ctx, attach); err != nil {
		t.Fatal(err)
	}
	var conflict *types.ConflictException
	if _, err := client.CreateUsagePlanKey(ctx, attach); !errors.As(err, &conflict) {
		t.Errorf("attaching twice gave %v", err)
	}
	if _, err := client.CreateApiKey(ctx, &apigateway.CreateApiKeyInput{Value: sdk.String(value)}); !errors.As(err, &conflict) {
		t.Errorf("the same value twice gave %v", err)
	}
	if id, ok := s.Gateway.Allowed("ChamberApi", value); !ok || id != sdk.ToString(made.Id) {
		t.Error("the key is not let through")
	}
	for _, c := range [][2]string{{"OtherApi", value}, {"ChamberApi", "another"}, {"ChamberApi", ""}} {
		if _, ok := s.Gateway.Allowed(c[0], c[1]); ok {
			t.Errorf("%v is let through", c)
		}
	}
	listed, err := client.GetApiKeys(ctx, &apigateway.GetApiKeysInput{NameQuery: sdk.String("sportello-local-milano-"), IncludeValues: sdk.Bool(true)})
	if err != nil || len(listed.Items) != 1 || sdk.ToString(listed.Items[0].Value) != value || !listed.Items[0].Enabled {
		t.Errorf("listed %+v (%v)", listed, err)
	}
	// Kept over a restart.
	again, config := open(t, dir)
	again.Gateway.Provision([]template.Plan{{ID: "MilanoUsagePlan", PhysicalID: "milanoplan", Name: "sportello-local-milano", APIs: []string{"ChamberApi"}}})
	if _, ok := again.Gateway.Allowed("ChamberApi", value); !ok {
		t.Error("the key is gone after a restart")
	}
	client = apigateway.NewFromConfig(config)
	_, err = client.UpdateApiKey(ctx, &apigateway.UpdateApiKeyInput{ApiKey: made.Id, PatchOperations: []types.PatchOperation{
		{Op: types.OpReplace, Path: sdk.String("/enabled"), Value: sdk.String("false")},
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := again.Gateway.Allowed("ChamberApi", value); ok {
		t.Error("a disabled key is let through")
	}
	if _, err := client.DeleteApiKey(ctx, &apigateway.DeleteApiKeyInput{ApiKey: made.Id}); err != nil {
		t.Error(err)
	}
	var absent *types.NotFoundException
	if _, err := client.GetApiKey(ctx, &apigateway.GetApiKeyInput{ApiKey: made.Id}); !errors.As(err, &absent) {
		t.Errorf("a deleted key gave %v", err)
	}
}
