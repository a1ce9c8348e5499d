package guard

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
)

// denial is the answer to a call that is refused, in its service's protocol.
type denial struct {
	service, code, message string
	status                 int
}

// denied: S3 and SQS say 403, the others 400.
func denied(service, message string) *denial {
	switch service {
	case "s3":
		return &denial{service, "AccessDenied", message, http.StatusForbidden}
	case "sqs":
		return &denial{service, "AccessDeniedException", message, http.StatusForbidden}
	}
	return &denial{service, "AccessDeniedException", message, http.StatusBadRequest}
}

// unsigned answers who does not say who he is, stranger whose key is nobody's.
func unsigned(service string) *denial {
	if service == "s3" {
		return denied(service, "Access Denied")
	}
	return &denial{service, "MissingAuthenticationTokenException", "Request is missing Authentication Token", http.StatusBadRequest}
}

func stranger(service string) *denial {
	if service == "s3" {
		return &denial{service, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", http.StatusForbidden}
	}
	return &denial{service, "UnrecognizedClientException", "The security token included in the request is invalid.", http.StatusBadRequest}
}

func (d *denial) body() (contentType string, body []byte) {
	if d.service == "s3" {
		text, _ := xml.Marshal(struct {
			XMLName       xml.Name `xml:"Error"`
			Code, Message string
		}{Code: d.code, Message: d.message})
		return "application/xml", append([]byte(xml.Header), text...)
	}
	text, _ := json.Marshal(map[string]string{"__type": "com.amazon.coral.service#" + d.code, "message": d.message})
	return "application/x-amz-json-1.0", text
}

func (d *denial) response(r *http.Request) *http.Response {
	kind, body := d.body()
	header := http.Header{"Content-Type": {kind}}
	switch d.service {
	case "s3":
	case "sqs":
		header.Set("X-Amzn-Query-Error", "AccessDenied;Sender")
	default:
		header.Set("X-Amzn-Errortype", d.code)
	}
	if r.Method == http.MethodHead {
		body = nil
	}
	return &http.Response{
		StatusCode: d.status, Status: http.StatusText(d.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: header, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
	}
}

func (d *denial) write(w http.ResponseWriter, r *http.Request) {
	response := d.response(r)
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	_, _ = io.Copy(w, response.Body)
}
