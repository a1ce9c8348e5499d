package correspondence

import (
	"time"

	"sportello/shared/domain/application"
)

// Incoming is a certified message that arrived in a chamber's mailbox. It is registered whether or not it belongs to a case (DPR 445/2000
// art. 53 c.5).
type Incoming struct {
	ID          string                `json:"id"` // derived from the message's own identity: read twice, it is the same
	Chamber     string                `json:"chamber"`
	Application string                `json:"application,omitempty"`
	MessageID   string                `json:"messageId,omitempty"`
	From        string                `json:"from"`
	Subject     string                `json:"subject"`
	At          time.Time             `json:"at"`
	Untrusted   string                `json:"untrusted,omitempty"` // why it is not believed to be certified, in the operator's words
	Object      string                `json:"object"`              // archive key of the message as it came
	SHA256      string                `json:"sha256"`
	Size        int64                 `json:"size"`
	Protocol    *application.Protocol `json:"protocol,omitempty"`
}
