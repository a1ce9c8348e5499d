// Package layout builds every table key and every object key of the sportello, in one place. Nothing else may spell one.
//
// Chambers are named by their id (such as milano), events and applications by UUIDv7, days by their date in
// Europe/Rome (2026-11-22), instants by 13 digits of Unix milliseconds, so that keys sort as time does.
package layout

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
)

// Key names an item of a table: partition and sort key.
type Key struct {
	PK string `json:"pk"`
	SK string `json:"sk"`
}

// Index names a secondary index.
type Index string

// The secondary indexes of the applications table.
const (
	ByState   Index = "by-state"
	ByOfficer Index = "by-officer"
	ByDue     Index = "by-due"
	Timers    Index = "timers"
)

// Shards is over how many partitions the timers are spread.
const Shards = 4

// Millis writes an instant so that text order is time order.
func Millis(t time.Time) string { return fmt.Sprintf("%013d", t.UnixMilli()) }

// ---- one application ----

// Application is the partition of one application.
func Application(id string) string { return "APP#" + id }

// Meta is the application itself; Answers what its form says.
func Meta(id string) Key    { return Key{Application(id), "META"} }
func Answers(id string) Key { return Key{Application(id), "ANS"} }

// Attachment is one file of an application, of the applicant or of the office.
func Attachment(id, attachment string) Key {
	return Key{Application(id), AttachmentPrefix + attachment}
}

// Timeline is one line of the story; event makes it unique, and a redelivery the same line.
func Timeline(id string, at time.Time, event string) Key {
	return Key{Application(id), TimelinePrefix + Millis(at) + "#" + event}
}

// Message is a message between applicant and office; Request an integration request and its answer.
func Message(id string, at time.Time, message string) Key {
	return Key{Application(id), MessagePrefix + Millis(at) + "#" + message}
}
func Request(id, request string) Key { return Key{Application(id), RequestPrefix + request} }

// Mail is one certified message of an application, by the event and the recipient's role.
func Mail(id, mail string) Key { return Key{Application(id), MailPrefix + mail} }

// Document is a document that the sportello made or the office filed, by its event.
func Document(id, document string) Key { return Key{Application(id), DocumentPrefix + document} }

// Rating is the one rating of an application. Seen is a line of who looked at it.
func Rating(id string) Key { return Key{Application(id), "RATING"} }
func Seen(id string, at time.Time, who string) Key {
	return Key{Application(id), "SEEN#" + Millis(at) + "#" + who}
}

// Prefixes of the sort keys within an application.
const (
	AttachmentPrefix = "ATT#"
	TimelinePrefix   = "TL#"
	MessagePrefix    = "MSG#"
	RequestPrefix    = "REQ#"
	MailPrefix       = "PEC#"
	DocumentPrefix   = "DOC#"
)

// ---- lists ----

// Owner is a person's or company's list of applications (strongly consistent).
func Owner(taxCode string) string { return "OWN#" + taxCode }
func Owned(taxCode string, created time.Time, id string) Key {
	return Key{Owner(taxCode), Millis(created) + "#" + id}
}

// StatePlace is an application's place in by-state: ranked by its instant of presentation.
func StatePlace(chamber, state string, presented time.Time, id string) Key {
	return Key{State(chamber, state), Millis(presented) + "#" + id}
}
func State(chamber, state string) string { return chamber + "#" + state }

// OfficerPlace is its place in by-officer; an application that nobody took is under NONE.
func OfficerPlace(chamber, officer string, due time.Time, id string) Key {
	return Key{Officer(chamber, officer), Millis(due) + "#" + id}
}
func Officer(chamber, officer string) string {
	if officer == "" {
		officer = "NONE"
	}
	return chamber + "#" + officer
}

// DuePlace is its place in by-due, the default inbox of an office.
func DuePlace(chamber string, due time.Time, id string) Key {
	return Key{Open(chamber), Millis(due) + "#" + id}
}
func Open(chamber string) string { return chamber + "#OPEN" }

// ProblemPlace is an open problem's place in by-due: the open ones are read without the past, and in the order they came.
func ProblemPlace(chamber string, at time.Time, problem string) Key {
	return Key{OpenProblems(chamber), Millis(at) + "#" + problem}
}
func OpenProblems(chamber string) string { return chamber + "#PROBLEMS" }

// TimerPlace puts an item before the sweep at an instant.
func TimerPlace(at time.Time, id string) Key {
	return Key{TimerShard(shard(id)), Millis(at) + "#" + id}
}
func TimerShard(n int) string { return fmt.Sprintf("W#%d", n) }

func shard(id string) int {
	h := fnv.New32a()
	h.Write([]byte(id))
	return int(h.Sum32() % Shards)
}

// ---- payments ----

// PaymentPrefix begins the partition of every payment.
const PaymentPrefix = "PAY#"

// Payment is what is owed under a number of payment (IUV); Notice a fact that a provider told about it, once for each of its receipts.
func Payment(iuv string) Key { return Key{PaymentPrefix + iuv, "META"} }
func Notice(iuv, provider, receipt string) Key {
	return Key{PaymentPrefix + iuv, "N#" + provider + "#" + receipt}
}

// ---- chamber ----

// Pending is what was presented on a day and is not yet registered.
func Pending(chamber, day, event string) Key { return Key{PendingDay(chamber, day), event} }
func PendingDay(chamber, day string) string  { return "PEND#" + chamber + "#" + day }

// Outbox is an effect still owed: its kinds are those of flow/step.
func Outbox(kind, chamber, day, event string) Key {
	return Key{"OUT#" + kind + "#" + chamber + "#" + day, event}
}

// Chamber is the partition of a chamber's own rows.
func Chamber(id string) string               { return "CH#" + id }
func OfficerRow(chamber, taxCode string) Key { return Key{Chamber(chamber), "OFF#" + taxCode} }
func Problem(chamber, problem string) Key    { return Key{Chamber(chamber), ProblemPrefix + problem} }
func Mailbox(chamber, address string) Key    { return Key{Chamber(chamber), "MBX#" + address} }
func Incoming(chamber, event string) Key     { return Key{Chamber(chamber), IncomingPrefix + event} }
func Statistics(chamber, service string) Key { return Key{"STAT#" + chamber, service} }

// Declared is a day of the register as it is published: anybody may read it.
func Declared(chamber, day string) Key { return Key{"SEAL#" + chamber, day} }

// Audit is one line of who was let in or shut out, and by whom, in the chamber's own partition.
func Audit(chamber string, at time.Time, event string) Key {
	return Key{Chamber(chamber), AuditPrefix + Millis(at) + "#" + event}
}

// Prefixes of the sort keys within a chamber.
const (
	ProblemPrefix  = "PRB#"
	IncomingPrefix = "IN#"
	OfficerPrefix  = "OFF#"
	AuditPrefix    = "AUD#"
	KeyPrefix      = "KEY#"
)

// ---- sessions ----

// Session, Login, Handoff and Survey are rows found only by the digest of a secret.
func Session(digest string) Key { return Key{"S#" + digest, "S"} }
func Login(state string) Key    { return Key{"L#" + state, "L"} }
func Handoff(digest string) Key { return Key{"H#" + digest, "H"} }
func APIKey(digest string) Key  { return Key{"K#" + digest, "K"} }
func Survey(digest string) Key  { return Key{"V#" + digest, "V"} }

// Represented is what the company register last said of a person, found only by a keyed digest of who it is.
func Represented(digest string) Key { return Key{"R#" + digest, "R"} }

// KeyName leads from an API key's name to its row: both are in the sessions table.
func KeyName(chamber, name string) Key { return Key{Chamber(chamber), KeyPrefix + name} }

// ---- objects: documents bucket ----

// UploadKey is where a browser puts a file of a draft; DocumentKey where it stays once checked, by its digest.
func UploadKey(application, attachment string) string {
	return "uploads/" + application + "/" + attachment
}
func DocumentKey(application, sha256 string) string {
	return "documents/" + application + "/" + sha256
}

// SnapshotKey is the application as it was presented, by its digest (the impronta).
func SnapshotKey(application, sha256 string) string {
	return "snapshots/" + application + "/" + sha256 + ".json"
}

// EvidenceKey is an evidence file, by its digest.
func EvidenceKey(application, sha256 string) string {
	return "evidence/" + application + "/" + sha256 + ".zip"
}

// TrustList leads to the edition of a territory's trust list that is in use; TrustListObject is an edition, by the digest of its compact form:
// as published (xml) and as verifiers read it (json.gz).
func TrustList(territory string) Key { return Key{"TRUST#" + territory, "LIST"} }
func TrustListObject(territory, sha256, extension string) string {
	return "trust/" + territory + "/" + sha256 + "." + extension
}

// ---- objects: archive bucket (write-once) ----

// BlockPrefix holds a register's archived blocks; Block names one by its first sequence number, so that two different
// histories collide on the same key instead of standing side by side.
func BlockPrefix(book string) string {
	return "register/" + strings.ReplaceAll(book, "#", "/") + "/blocks/"
}
func Block(book string, first uint64) string {
	return fmt.Sprintf("%s%010d.jsonl", BlockPrefix(book), first)
}

// Seal is a sealed day of a register.
func Seal(chamber, day string) string { return SealPrefix(chamber) + day + ".json" }

// dayFolder holds what is made of a sealed day: its records with their secret salts (Leaves), what is declared of it (Statement), the seal on that
// (StatementSignature, CMS), the token over the seal (StatementTimestamp), the package for preservation and the provider's signed receipt.
func dayFolder(chamber, day string) string          { return "days/" + chamber + "/" + day + "/" }
func Leaves(chamber, day string) string             { return dayFolder(chamber, day) + "leaves.json" }
func Statement(chamber, day string) string          { return dayFolder(chamber, day) + "statement.json" }
func StatementSignature(chamber, day string) string { return dayFolder(chamber, day) + "statement.p7s" }
func StatementTimestamp(chamber, day string) string { return dayFolder(chamber, day) + "statement.tst" }
func DayPackage(chamber, day string) string         { return dayFolder(chamber, day) + "package.zip" }
func DayPackageReceipt(chamber, day string) string  { return dayFolder(chamber, day) + "receipt.p7m" }

// DayPackageID names a day's package at the provider.
func DayPackageID(chamber, day string) string { return "registro-" + chamber + "-" + day }

// MailObject is a certified message as sent; ReceivedMail one as received, by the mailbox and the digest of its bytes.
func MailObject(application, mail string) string {
	return "mail/out/" + application + "/" + mail + ".eml"
}
func ReceivedMail(address, sha256 string) string { return "mail/in/" + address + "/" + sha256 + ".eml" }

// PaymentNotice is a provider's notice as it came, by the digest of its bytes; kind is how it is written, "jws" or "json".
func PaymentNotice(iuv, sha256, kind string) string {
	return "payments/" + iuv + "/" + sha256 + "." + kind
}

// Package is a case as handed to preservation; PackageReceipt the provider's signed receipt.
func Package(application string) string        { return "packages/" + application + "/package.zip" }
func PackageReceipt(application string) string { return "packages/" + application + "/receipt.p7m" }

// ---- register table: a book is one chamber's register of one year, such as milano#2026 ----

// Book names the register of a chamber and a year (art. 57 DPR 445/2000: numbering starts again each solar year).
func Book(chamber string, year int) string { return fmt.Sprintf("%s#%04d", chamber, year) }

// LedgerHead is the book's head, the one row that is swapped to take numbers.
func LedgerHead(book string) Key { return Key{"H#" + book, "HEAD"} }

// LedgerEntries is the partition of a book's entries; LedgerEntry one of them, LedgerAnnex a record appended about it.
func LedgerEntries(book string) string { return "E#" + book }
func LedgerEntry(book string, number uint64) Key {
	return Key{LedgerEntries(book), fmt.Sprintf("%07d", number)}
}
func LedgerAnnex(book string, number uint64, n int) Key {
	return Key{LedgerEntries(book), fmt.Sprintf("%07d#A%d", number, n)}
}

// LedgerEvent leads from an event to the place it was given: the deduplication that counts.
func LedgerEvent(event string) Key { return Key{"D#" + event, "D"} }

// LedgerPage is one day of a book: which entries it holds, and whether it is sealed.
func LedgerPage(book, page string) Key { return Key{"DAY#" + book + "#" + page, "DAY"} }

// Idempotency remembers what a person's Idempotency-Key was used for.
func Idempotency(taxCode, idempotencyKey string) Key {
	return Key{"IDEM#" + taxCode, idempotencyKey}
}

// SealPrefix holds the sealed days of a chamber; SealDay reads the day out of a key.
func SealPrefix(chamber string) string { return "register/" + chamber + "/seals/" }
func SealDay(key string) string {
	return strings.TrimSuffix(key[strings.LastIndexByte(key, '/')+1:], ".json")
}

// TimerInstant reads the instant out of a place before the sweep.
func TimerInstant(place Key) (time.Time, bool) {
	ms, _, _ := strings.Cut(place.SK, "#")
	n, err := strconv.ParseInt(ms, 10, 64)
	return time.UnixMilli(n).UTC(), err == nil
}
