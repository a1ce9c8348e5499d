package kmssign

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/go-jose/go-jose/v4"

	"sportello/shared/platform/jws"
)

// kmsServer speaks the two calls we make of the KMS JSON protocol, with a real key.
func kmsServer(t *testing.T, key *rsa.PrivateKey) *kms.Client {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			KeyID            string `json:"KeyId"`
			Message          []byte
			MessageType      string
			SigningAlgorithm string
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.KeyID != "alias/identity" {
			w.WriteHeader(400)
			w.Write([]byte(`{"__type":"NotFoundException"}`))
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		switch r.Header.Get("X-Amz-Target") {
		case "TrentService.Sign":
			if in.MessageType != "DIGEST" || in.SigningAlgorithm != "RSASSA_PKCS1_V1_5_SHA_256" || len(in.Message) != 32 {
				t.Errorf("asked to sign %+v", in)
			}
			signature, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, in.Message)
			if err != nil {
				t.Error(err)
			}
			json.NewEncoder(w).Encode(map[string]any{"Signature": signature})
		case "TrentService.GetPublicKey":
			der, _ := x509.MarshalPKIXPublicKey(&key.PublicKey)
			json.NewEncoder(w).Encode(map[string]any{"PublicKey": der})
		default:
			t.Errorf("unknown call %s", r.Header.Get("X-Amz-Target"))
		}
	}))
	t.Cleanup(server.Close)
	return kms.New(kms.Options{
		Region: "eu-south-1", BaseEndpoint: aws.String(server.URL), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
}

func TestSignedWithKMS(t *testing.T) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	key, err := New(kmsServer(t, private), "alias/identity")
	if err != nil {
		t.Fatal(err)
	}
	kid, err := key.Thumbprint(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.Compact(t.Context(), key, map[string]any{"kid": kid}, map[string]any{"sub": "sportello", "x": make([]byte, 5000)})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.Public(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parsed.Verify(public); err != nil || parsed.Signatures[0].Header.KeyID != kid {
		t.Errorf("signature does not verify: %v", err)
	}
	other, _ := New(kmsServer(t, private), "alias/other")
	if _, err := other.Sign(t.Context(), []byte("x")); err == nil {
		t.Error("an unknown key signs")
	}
	if _, err := New(nil, "x"); err == nil {
		t.Error("a key without a client")
	}
}
