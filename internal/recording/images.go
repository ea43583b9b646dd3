package recording

import (
	"bytes"
	"fmt"
	"image/jpeg"
	"path"
	"strconv"
	"strings"
	"time"
)

const (
	thumbnailFolder = "media/thumbnails"
	latestFolder    = "media/latest_thumbnail"

	firstThumbnail = 5 * time.Second // how long a recording may last without one
)

// images checks the thumbnails.
func (v *verifier) images(m *metadata) {
	v.imageFolders(m, m.Media.Thumbnails, thumbnailFolder, func(name string) bool {
		n, err := strconv.Atoi(strings.TrimSuffix(name, ".jpg"))
		return err == nil && name == fmt.Sprintf("%d.jpg", n) && n >= 0
	})
	v.imageFolders(m, m.Media.LatestThumbnail, latestFolder, func(name string) bool { return name == "thumb.jpg" })
}

// imageFolders checks the folders of one kind of thumbnail.
func (v *verifier) imageFolders(m *metadata, images *metadataImages, folder string, isName func(string) bool) {
	if images == nil {
		return // and unknownFiles reports what is there nevertheless
	}
	if images.Path != folder {
		v.problem(folder, "the files under events/ call it %q", images.Path)
	}
	for _, f := range append(images.Renditions, images.Resolutions...) {
		at := path.Join(folder, f.Path)
		found := 0
		for name := range v.recording.files {
			if path.Dir(name) == at && isName(path.Base(name)) {
				found++
				v.image(name, f)
			}
		}
		isLong := m.Media.HLS == nil || m.Media.HLS.DurationMS != nil && *m.Media.HLS.DurationMS > firstThumbnail.Milliseconds()
		if found == 0 && isLong && m.Status == "RECORDING_ENDED" {
			v.problem(at, "it has no thumbnail")
		}
	}
}

// image checks one thumbnail.
func (v *verifier) image(name string, f metadataFolder) {
	data, ok := v.read(name, maxImage)
	if !ok {
		return
	}
	picture, err := jpeg.Decode(bytes.NewReader(data))
	switch {
	case err != nil:
		v.problem(name, "it is no JPEG picture: %v", err)
	case f.Width > 0 && (picture.Bounds().Dx() != f.Width || picture.Bounds().Dy() != f.Height):
		v.problem(name, "it has %v pixels, expected %dx%d", picture.Bounds().Size(), f.Width, f.Height)
	}
}
