package fault_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"sportello/infra/local/fault"
)

// service notes what reaches it.
type service struct {
	mu   sync.Mutex
	seen []string
	host []string
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.seen, s.host = append(s.seen, string(body)), append(s.host, r.Host)
	s.mu.Unlock()
	w.Header().Set("X-Answer", "yes")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write([]byte("done " + string(body)))
}

func (s *service) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

type rig struct {
	set    fault.Set
	proxy  *fault.Proxy
	behind *service
	mu     sync.Mutex
	killed int
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{behind: &service{}}
	upstream := httptest.NewServer(r.behind)
	t.Cleanup(upstream.Close)
	p, err := fault.NewProxy(&r.set, fault.Victim{Function: "WorkFunction", Kill: func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.killed++
	}}, upstream.URL, http.DefaultTransport)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	r.proxy = p
	return r
}

func (r *rig) kills() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.killed
}

func (r *rig) arm(t *testing.T, f fault.Fault) {
	t.Helper()
	if _, err := r.set.Add(f); err != nil {
		t.Fatal(err)
	}
}

// call returns the status and the body, or 0 if there was no answer.
func (r *rig) call(t *testing.T, target, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), "POST", r.proxy.Address()+"/", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Amz-Target", target)
	// A connection that is kept would make Go repeat a request by itself.
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, ""
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

const transact = "DynamoDB_20120810.TransactWriteItems"

func TestPassesWhatIsNotStruck(t *testing.T) {
	r := newRig(t)
	r.arm(t, fault.Fault{Function: "OtherFunction", Service: "dynamodb", When: "before", Effect: "error"})
	r.arm(t, fault.Fault{Function: "WorkFunction", Service: "sqs", When: "before", Effect: "error"})
	r.arm(t, fault.Fault{Function: "WorkFunction", Service: "dynamodb", Action: "PutItem", When: "before", Effect: "error"})
	r.arm(t, fault.Fault{Function: "WorkFunction", Service: "dynamodb", Match: "HEAD", When: "before", Effect: "error"})
	if status, body := r.call(t, transact, "x"); status != http.StatusAccepted || body != "done x" {
		t.Errorf("got %d %q", status, body)
	}
	if want := strings.TrimPrefix(r.proxy.Address(), "http://"); r.behind.host[0] != want {
		t.Errorf("the service saw host %s: a signature for %s would not hold", r.behind.host[0], want)
	}
}

// TestBeforeAndAfter is what crash tests rest on: before, the service never
// sees the call; after, it has done it and the function does not know.
func TestBeforeAndAfter(t *testing.T) {
	for _, c := range []struct {
		when, effect string
		reached      int
		status       int
		killed       int
	}{
		{"before", "error", 0, 500, 0},
		{"before", "drop", 0, 0, 0},
		{"before", "kill", 0, 0, 1},
		{"after", "error", 1, 500, 0},
		{"after", "drop", 1, 0, 0},
		{"after", "kill", 1, 0, 1},
	} {
		t.Run(c.when+" "+c.effect, func(t *testing.T) {
			r := newRig(t)
			r.arm(t, fault.Fault{Function: "WorkFunction", Service: "dynamodb", Action: "TransactWriteItems", Match: "H#milano", When: c.when, Effect: c.effect})
			status, _ := r.call(t, transact, `{"pk":"H#milano"}`)
			if status != c.status || r.behind.count() != c.reached || r.kills() != c.killed {
				t.Errorf("status %d, %d calls reached, %d killed; want %+v", status, r.behind.count(), r.kills(), c)
			}
			if status, _ := r.call(t, transact, `{"pk":"H#milano"}`); status != http.StatusAccepted {
				t.Errorf("the fault struck twice: %d", status)
			}
			if f := r.set.List()[0]; f.Seen != 2 || f.Hits != 1 {
				t.Errorf("counted %+v", f)
			}
		})
	}
}

func TestNthAndTimes(t *testing.T) {
	r := newRig(t)
	r.arm(t, fault.Fault{Function: "WorkFunction", Service: "dynamodb", Nth: 2, Times: 2, When: "before", Effect: "error"})
	var got []int
	for range 5 {
		status, _ := r.call(t, transact, "x")
		got = append(got, status)
	}
	want := []int{202, 500, 500, 202, 202}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	r.set.Clear()
	if len(r.set.List()) != 0 {
		t.Error("faults are left")
	}
}

func TestRefusedFaults(t *testing.T) {
	var set fault.Set
	good := fault.Fault{Function: "F", Service: "s3", When: "before", Effect: "kill"}
	for name, change := range map[string]func(*fault.Fault){
		"service":  func(f *fault.Fault) { f.Service = "ftp" },
		"when":     func(f *fault.Fault) { f.When = "never" },
		"effect":   func(f *fault.Fault) { f.Effect = "smile" },
		"function": func(f *fault.Fault) { f.Function = "" },
		"match":    func(f *fault.Fault) { f.Match = "(" },
	} {
		f := good
		change(&f)
		if _, err := set.Add(f); err == nil {
			t.Errorf("%s: it was taken", name)
		}
	}
	if _, err := set.Add(good); err != nil {
		t.Error(err)
	}
}

func TestObjectOperations(t *testing.T) {
	for _, c := range []struct {
		method, path string
		header       string
		want         string
	}{
		{"PUT", "/b/a/key", "", "PutObject"},
		{"PUT", "/b/a/key", "X-Amz-Copy-Source", "CopyObject"},
		{"PUT", "/b/a/key?retention", "", "PutObjectRetention"},
		{"PUT", "/b/a/key?partNumber=1&uploadId=x", "", "UploadPart"},
		{"POST", "/b/a/key?uploads", "", "CreateMultipartUpload"},
		{"POST", "/b/a/key?uploadId=x", "", "CompleteMultipartUpload"},
		{"GET", "/b/a/key", "", "GetObject"},
		{"HEAD", "/b/a/key", "", "HeadObject"},
		{"DELETE", "/b/a/key", "", "DeleteObject"},
		{"DELETE", "/b/a/key?uploadId=x", "", "AbortMultipartUpload"},
		{"GET", "/b/a/key?uploadId=x", "", "ListParts"},
		{"GET", "/b?list-type=2&prefix=a", "", "ListObjectsV2"},
		{"GET", "/b?versions", "", "ListObjectVersions"},
		{"HEAD", "/b", "", "HeadBucket"},
	} {
		r := newRig(t)
		r.arm(t, fault.Fault{Function: "WorkFunction", Service: "s3", Action: c.want, When: "before", Effect: "error"})
		request, err := http.NewRequestWithContext(t.Context(), c.method, r.proxy.Address()+c.path, bytes.NewReader(nil))
		if err != nil {
			t.Fatal(err)
		}
		if c.header != "" {
			request.Header.Set(c.header, "x")
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusInternalServerError {
			t.Errorf("%s %s is not %s", c.method, c.path, c.want)
		}
	}
}

// The institute speaks no protocol of AWS: its calls are named by their method.
func TestInstitute(t *testing.T) {
	behind := &service{}
	upstream := httptest.NewServer(behind)
	t.Cleanup(upstream.Close)
	var set fault.Set
	p, err := fault.NewInstitute(&set, fault.Victim{Function: "WorkFunction"}, upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	for _, f := range []fault.Fault{
		{Function: "WorkFunction", Service: "s3", When: "before", Effect: "error"},
		{Function: "WorkFunction", Service: fault.Institute, Action: "POST", Match: "refunds", When: "before", Effect: "error"},
	} {
		if _, err := set.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/istituto/refunds", http.StatusAccepted}, {"POST", "/istituto/carts", http.StatusAccepted},
		{"POST", "/istituto/refunds", http.StatusInternalServerError}, {"POST", "/istituto/refunds", http.StatusAccepted},
	} {
		request, err := http.NewRequestWithContext(t.Context(), c.method, p.Address()+c.path, strings.NewReader("{}"))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != c.want {
			t.Errorf("%s %s: %s, not %d", c.method, c.path, response.Status, c.want)
		}
	}
}
