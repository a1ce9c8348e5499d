// Pec-notify sends certified messages (PEC).
//
// Trigger: SQS, one message at a time, at most five at once.
//
// Effect: the message archived, marked, offered to the provider by SMTP, its 250 recorded. Addresses that are not known are asked of
// INI-PEC and INAD first.
//
// On retry: a message whose 250 was recorded is never sent again. One that a crash left in sending waits half an hour for a receipt in
// the mailbox, then is sent once more under the same Message-ID.
//
// On poison: a message that the provider refuses, or whose recipient has no certified address, becomes a problem with an owner.
package main

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"sportello/shared/assembly"
	"sportello/shared/edge/lambdafn"
	"sportello/shared/flow/notify"
	"sportello/shared/platform/addresses"
	"sportello/shared/platform/kmssign"
	"sportello/shared/platform/queue/sqs"
)

type environment struct {
	lambdafn.Environment
	assembly.InfoCamere
	Applications string `env:"TABLE_APPLICATIONS,required,notEmpty"`
	Documents    string `env:"BUCKET_DOCUMENTS,required,notEmpty"`
	Archive      string `env:"BUCKET_ARCHIVE,required,notEmpty"`
	SMTP         string `env:"PEC_SMTP,required,notEmpty"`
	IMAP         string `env:"PEC_IMAP,required,notEmpty"`
	IdentityKey  string `env:"IDENTITY_KEY,required,notEmpty"`
	INIPEC       string `env:"INIPEC_URL,required,notEmpty"`
	INAD         string `env:"INAD_URL,required,notEmpty"`
	PDND         string `env:"PDND_URL,required,notEmpty"`
	PDNDAudience string `env:"PDND_AUDIENCE"`
	PDNDClient   string `env:"PDND_CLIENT_ID,required,notEmpty"`
	PDNDKey      string `env:"PDND_KEY_ID"`
	PDNDPurpose  string `env:"PDND_PURPOSE_ID,required,notEmpty"`
}

func main() { lambdafn.Main(wire) }

func wire(ctx context.Context, p *lambdafn.Process, env environment) (any, error) {
	provider, err := newProvider(ctx, p, env)
	if err != nil {
		return nil, err
	}
	signer, err := kmssign.New(kms.NewFromConfig(p.AWS), env.IdentityKey)
	if err != nil {
		return nil, err
	}
	certificate, err := env.Certificate()
	if err != nil {
		return nil, err
	}
	book, err := addresses.New(addresses.Config{
		INIPECURL: env.INIPEC, INADURL: env.INAD, PDNDURL: env.PDND, Signer: signer, ClientID: env.InfoCamereClientID, Certificate: certificate,
		PDNDClientID: env.PDNDClient, KeyID: keyID(env.PDNDKey, signer), PurposeID: env.PDNDPurpose, Audience: env.PDNDAudience,
	})
	if err != nil {
		return nil, err
	}
	desk, err := notify.New(notify.Config{
		Table: assembly.Table(p, env.Applications), Documents: assembly.Bucket(p, env.Documents), Archive: assembly.Bucket(p, env.Archive),
		Writer: writer{}, Provider: provider, Addresses: register{book}, Now: p.Now,
	})
	if err != nil {
		return nil, err
	}
	return sqs.Handler(p.Log, desk.Send), nil
}

// keyID is the id that PDND gave our key, or where it gave none the key's thumbprint.
func keyID(given string, signer *kmssign.Key) func(context.Context) (string, error) {
	if given == "" {
		return signer.Thumbprint
	}
	return func(context.Context) (string, error) { return given, nil }
}
