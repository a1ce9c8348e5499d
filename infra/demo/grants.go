package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// idle are the permissions that the story may end without having used, each with its case. A permission that is used by no step and stands
// not here is one too many in template.yaml, or wants its case tried.
var idle = map[string]string{
	"ApplicationsFunction Desk dynamodb:BatchGetItem": "a person with more than one application lists them",
	"ApplicationsFunction ArchiveListed":              "evidence is taken before its day is declared",
	"ApplicationsFunction Drafts":                     "a draft, or a file of one, is thrown away",
	"ApplicationsFunction FilesDeleted":               "a draft, or a file of one, is thrown away",
	"ApplicationsFunction FilesListed":                "a file is confirmed that was not uploaded",
	"ApplicationsFunction SessionsKept":               "a session is kept only when it has become older",

	"BackOfficeFunction FilesListed":                                       "a file is confirmed that was not uploaded",
	"BackOfficeFunction Lists dynamodb:Query":                              "lists by state and by officer; the story's office reads its inbox",
	"BackOfficeFunction Send sqs:SendMessage sportello-local-pec":          "an officer has a message tried again",
	"BackOfficeFunction Send sqs:SendMessage sportello-local-preservation": "an officer has a package tried again",
	"BackOfficeFunction Send sqs:SendMessage sportello-local-registered":   "an officer has a chamber's own number asked for again",
	"BackOfficeFunction Sessions LeadingKeys S#*":                          "an officer in the browser; the story's office works by key",
	"BackOfficeFunction SessionsKept":                                      "an officer in the browser; the story's office works by key",
	"DeadlinesFunction Archived s3:GetObject":                              "a notice that was archived already is compared",
	"DeadlinesFunction Expired":                                            "a draft that nobody presented expires, or what was never paid for",
	"DeadlinesFunction FilesDeleted":                                       "a draft that nobody presented expires, or what was never paid for",
	"DeadlinesFunction Proofs s3:GetObject":                                "a payment's proof that was kept already is compared",
	"DeadlinesFunction Send":                                               "what was promised and did not arrive is sent again",
	"DeadlinesFunction Sweeping LeadingKeys CH#*":                          "a problem is opened: a term ran out, mail without a receipt",
	"DeadlinesFunction Sweeping LeadingKeys OWN#*":                         "a draft that nobody presented expires",
	"PaymentCallbackFunction Archived s3:GetObject":                        "a notice that was archived already is compared",
	"PaymentCallbackFunction Proofs s3:GetObject":                          "a payment's proof that was kept already is compared",
	"PaymentCallbackFunction Recording LeadingKeys CH#*":                   "a problem is opened: paid twice, late, or another amount",
	"PaymentCallbackFunction SessionsKept":                                 "a session is kept only when it has become older",
	"PecInboxFunction Archive s3:GetObject":                                "a message that was archived already is compared",
	"PecInboxFunction Files s3:GetObject":                                  "a document that was kept already is compared",
	"PecNotifyFunction Archive s3:GetObject":                               "a message that was archived already is compared",
	"PecNotifyFunction Messages LeadingKeys CH#*":                          "a problem is opened: mail refused, no address",
	"PecNotifyFunction Sign kms:GetPublicKey":                              "INAD is asked; the story's people elect a domicile or have a company's",
	"PreservationFunction Packages LeadingKeys CH#*":                       "a problem is opened: package refused",
	"PreservationFunction TrustList":                                       "a signature could not be verified at presentation",
	"ProtocolRegistrationFunction Applying LeadingKeys CH#*":               "mail of no known case takes a number; a document that the register refuses",
	"ProtocolRegistrationFunction Archive s3:GetObject":                    "the register is brought forward from the archive after a restore",
	"SubmitApplicationFunction FilesListed":                                "a file is gone when it is presented",
	"SubmitApplicationFunction SessionsKept":                               "a session is kept only when it has become older",
}

// grants: no function was refused anything, and each used what the template grants it or has a reason not to.
func (d *demo) grants(ctx context.Context) error {
	var kept struct {
		Used, Unused []string
		Refused      []struct{ Function, Action, Resource, Because string }
	}
	if err := d.Controls().Get(ctx, "/grants", &kept); err != nil {
		return err
	}
	var wrong []error
	for _, r := range kept.Refused {
		wrong = append(wrong, fmt.Errorf("%s: %s su %s negato, %s", r.Function, r.Action, r.Resource, r.Because))
	}
	covers := func(entry, grant string) bool { return grant == entry || strings.HasPrefix(grant, entry+" ") }
	for _, grant := range kept.Unused {
		excused := false
		for entry := range idle {
			excused = excused || covers(entry, grant)
		}
		if !excused {
			wrong = append(wrong, fmt.Errorf("permesso che nessuno ha usato: %s", grant))
		}
	}
	for entry := range idle {
		if !slices.ContainsFunc(append(kept.Used, kept.Unused...), func(grant string) bool { return covers(entry, grant) }) {
			wrong = append(wrong, fmt.Errorf("permesso che il template non dà più: %s", entry))
		}
	}
	return errors.Join(wrong...)
}
