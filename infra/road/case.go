package road

import "time"

// View is an application as the APIs show it, as far as the demo and the tests look.
type View struct {
	ID          string
	Service     string
	State       string
	Version     int64
	PresentedAt *time.Time
	Protocol    *Protocol
	Outcome     *struct {
		Kind        string
		DeliveredAt *time.Time
		Document    string
	}
	Documents []Document
	Requests  []struct {
		ID       string
		Answered bool
	}
	Mail   []MailState
	Survey *struct {
		Token string
		Rated bool
	}
	Payment     *Payment
	Attachments []struct {
		ID        string
		Signature *Signature
	}
	Deadline struct {
		Due       string
		Suspended bool
	}
}

// Payment is what is owed for an act, in cents, and what became of it.
type Payment struct {
	State        string     `json:"state"`
	Amount       int        `json:"amount"`
	NoticeNumber string     `json:"noticeNumber"`
	ReceiptID    string     `json:"receiptId,omitempty"`
	PaidAt       *time.Time `json:"paidAt,omitempty"`
}

// Signature is what was found of a file's signatures.
type Signature struct{ Verdict, Text string }

// Protocol is a place in the register.
type Protocol struct {
	Number string `json:"number"`
	Year   int    `json:"year"`
	Date   string `json:"date"`
	// External is the number beside ours in a protocol that the chamber keeps itself.
	External *struct {
		Number string `json:"number"`
	} `json:"external,omitempty"`
}

// Document is a file of a case.
type Document struct {
	ID, Kind, Name, SHA256 string
	Size                   int64
	Protocol               *Protocol
	Signature              *Signature
}

// MailState is how far a certified message of a case has come.
type MailState struct {
	Kind      string `json:"kind"`
	MessageID string `json:"messageId"`
	State     string `json:"state"`
}

// Submitted is the answer to who presents an application.
type Submitted struct {
	State       string
	PresentedAt time.Time
	Receipt     struct {
		ID, Digest, Due, Office, Responsible, Substitute string
	}
	Payment struct {
		State, NoticeNumber, Due string
		Amount                   int
	}
}

// PriceList is a filled-in form of the service listino-prezzi.
func PriceList() map[string]any {
	return map[string]any{
		"sector": "arredo-serramenti", "listName": "Listino serramenti in legno", "validFrom": "2027-01-01", "public": "public",
		"domicile": "registered", "privacy": true,
	}
}

// Complaint is a filled-in form of the service reclami; domicile says where the answer goes.
func Complaint(domicile map[string]any) map[string]any {
	answers := map[string]any{
		"subject": "registro-imprese", "factsDate": time.Now().AddDate(0, 0, -20).Format(time.DateOnly),
		"facts":   "Ho chiesto una visura allo sportello e dopo tre ore di attesa l'ufficio ha chiuso.",
		"request": "Chiedo una spiegazione e che le attese siano segnalate.", "privacy": true,
	}
	for name, value := range domicile {
		answers[name] = value
	}
	return answers
}
