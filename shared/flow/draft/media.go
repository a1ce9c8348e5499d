package draft

// Inspector looks at a whole file, by its bytes: at whether it is of the type that was declared, and at what it would do when opened. It returns an
// Italian sentence for who uploaded it if the file is not to be taken, else nothing. It may change the bytes.
type Inspector func(file []byte, mediaType string) string
