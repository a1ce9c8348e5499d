package assembly

import "sportello/shared/platform/inspect"

// Inspect looks at an uploaded file as flow/draft asks for: a program, macros, active content or another type than was declared is refused.
func Inspect(file []byte, mediaType string) string {
	found := inspect.Bytes(file)
	switch {
	case found.Finding != nil:
		return found.Finding.Detail
	case !found.Is(mediaType):
		return "Il contenuto del file non corrisponde al suo tipo. Controlla di avere scelto il file giusto."
	}
	return ""
}
