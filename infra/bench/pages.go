package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// firstLoads are the three pages that somebody who files a complaint sees first.
var firstLoads = map[string]string{"home": "/", "sheet": "/servizi/reclami/", "form": "/modulo/"}

// heaviest is the budget of a first load, in KB.
const heaviest = 120

// pages weighs what a browser without a cache fetches of the built site to show each page: the page, what its HTML names, what its scripts
// import outright and the images and fonts that its HTML shows. Texts count as gzip -9 makes them; brotli, which CloudFront prefers, makes them
// smaller. What the API answers is left out, and so are fonts that only a style sheet names.
func pages(b *bench) ([]line, error) {
	site := filepath.Join(b.root, "infra", "site", "dist")
	if err := exists(filepath.Join(site, "index.html")); err != nil {
		return nil, err
	}
	var lines []line
	for _, name := range slices.Sorted(maps.Keys(firstLoads)) {
		files, missing, err := load(site, firstLoads[name])
		if err != nil {
			return nil, err
		}
		total, scripts := 0, 0
		for file, size := range files {
			total += size
			if path.Ext(file) == ".js" {
				scripts += size
			}
		}
		lines = append(lines, result("page."+name, float64(total)/1024, "KB", atMost(heaviest), map[string]any{
			"address": firstLoads[name], "requests": len(files), "scriptsKB": round(float64(scripts) / 1024), "bytesByFile": files,
			"servedPerChamberLeftOut": missing, "KB": "1024 bytes, gzip -9",
		}))
	}
	return lines, nil
}

var (
	mentioned = regexp.MustCompile(`<(?:script|img)[^>]*\ssrc="(/[^"#?]*)|<link[^>]*\srel="(?:stylesheet|modulepreload|preload|icon)"[^>]*\shref="(/[^"#?]*)|<use[^>]*\shref="(/[^"#?]*)`)
	imported  = regexp.MustCompile(`(?:\bfrom|\bimport)\s*"(\.{1,2}/[^"]+)"`)
)

// load returns the files that a page needs with their sizes on the wire, and those that are not in the built site because each chamber has its own.
func load(site, address string) (files map[string]int, missing []string, err error) {
	files = map[string]int{}
	waiting := []string{address + "index.html"}
	for len(waiting) > 0 {
		file := waiting[0]
		waiting = waiting[1:]
		if _, known := files[file]; known || slices.Contains(missing, file) {
			continue
		}
		body, err := os.ReadFile(filepath.Join(site, filepath.FromSlash(file)))
		if os.IsNotExist(err) {
			missing = append(missing, file)
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if files[file], err = onTheWire(file, body); err != nil {
			return nil, nil, err
		}
		waiting = append(waiting, needs(file, body)...)
	}
	if len(files) == 0 {
		return nil, nil, fmt.Errorf("%s is not in the built site", address)
	}
	slices.Sort(missing)
	return files, missing, nil
}

// needs lists what a file makes a browser fetch at once.
func needs(file string, body []byte) []string {
	var list []string
	switch path.Ext(file) {
	case ".html":
		for _, found := range mentioned.FindAllSubmatch(body, -1) {
			list = append(list, string(found[1])+string(found[2])+string(found[3]))
		}
	case ".js":
		for _, found := range imported.FindAllSubmatch(body, -1) {
			list = append(list, path.Join(path.Dir(file), string(found[1])))
		}
	}
	return list
}

// onTheWire is a file's size as it travels: what is compressed already is not compressed again.
func onTheWire(file string, body []byte) (int, error) {
	if strings.Contains(".woff2 .png .jpg .webp .ico", path.Ext(file)) {
		return len(body), nil
	}
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return 0, err
	}
	if _, err := w.Write(body); err != nil {
		return 0, err
	}
	err = w.Close()
	return packed.Len(), err
}
