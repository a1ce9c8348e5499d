// Runs right after the header is parsed and once more at the end: puts the chamber's name and addresses, known by
// host from /chamber.js, where the page says so. Plain script, so that nothing is painted with the wrong name.
(function () {
  var english = document.documentElement.lang === 'en';
  function lookup(path) {
    var value = window.CHAMBER;
    var parts = path.split('.');
    for (var i = 0; value && i < parts.length; i += 1) value = value[parts[i]];
    return value;
  }
  function brand() {
    if (!window.CHAMBER) return;
    var texts = document.querySelectorAll('[data-chamber]');
    for (var i = 0; i < texts.length; i += 1) {
      var path = texts[i].getAttribute('data-chamber');
      var value = lookup(english && path === 'name' ? 'nameEn' : path);
      if (value !== undefined) texts[i].textContent = value;
    }
    var mails = document.querySelectorAll('a[data-chamber-mail]');
    for (var j = 0; j < mails.length; j += 1) {
      var address = lookup(mails[j].getAttribute('data-chamber-mail'));
      if (address) {
        mails[j].href = 'mailto:' + address;
        mails[j].textContent = address;
      }
    }
  }
  brand();
  document.addEventListener('DOMContentLoaded', brand);
})();
