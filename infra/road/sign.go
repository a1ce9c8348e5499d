package road

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Sign has the outside world's signing desk sign a PDF (persona, style, fault, key, name: what its list tells), and returns the signed file.
func (c *Cloud) Sign(ctx context.Context, how url.Values, pdf []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, "POST", c.Outside+"/control/sign?"+how.Encode(), bytes.NewReader(pdf))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/pdf")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("the signing desk answers %s: %s", answer.Status, data)
	}
	return data, err
}
