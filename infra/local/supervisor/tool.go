package supervisor

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"sportello/infra/local/emulator"
)

func toolVariables(values map[string]string, clock string) []string {
	values["AWS_REGION"], values["AWS_DEFAULT_REGION"] = region, region
	values["AWS_ACCESS_KEY_ID"], values["AWS_SECRET_ACCESS_KEY"] = emulator.AccessKey, emulator.SecretKey
	values["AWS_EC2_METADATA_DISABLED"], values["LOCAL_CLOCK_FILE"] = "true", clock
	var out []string
	for _, name := range sortedKeys(values) {
		out = append(out, name+"="+values[name])
	}
	return out
}

// fingerprint of files' contents.
func fingerprint(files ...string) (string, error) {
	h := sha256.New()
	for _, file := range files {
		f, err := os.Open(file)
		if err != nil {
			return "", err
		}
		_, _ = fmt.Fprintln(h, filepath.Base(file))
		_, err = io.Copy(h, f)
		_ = f.Close()
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
