#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The page of `forebay compare --html` in Chromium: it loads, its plots are
# there, no label lies on another or is cut, at the width of a desk and of a
# telephone, and it can be seen.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

my ($chromium) = grep { -x } map { my $d = $_;
    map { "$d/$_" } qw(chromium chromium-browser google-chrome) }
    split /:/, $ENV{PATH};

# It is ten times the size of all that the tests need else.
skip_all_for('there is no browser: install chromium', machine => 1)
    unless $chromium;
Test::Forebay::Kafka->need;

# Every label against every other, and against its drawing.
my $LOOK = <<'JS';
<script>
const wrong = [], inside = (a, b) => a.left >= b.left - 1 &&
    a.right <= b.right + 1 && a.top >= b.top - 1 && a.bottom <= b.bottom + 1;
for (const svg of document.querySelectorAll('svg')) {
	const texts = [...svg.querySelectorAll('text')].map(
	    t => [t.textContent, t.getBoundingClientRect()]);
	texts.forEach(([text, r], i) => {
		if (!inside(r, svg.getBoundingClientRect()))
			wrong.push(text + ' is cut');
		for (const [other, q] of texts.slice(i + 1))
			if (r.left < q.right && q.left < r.right &&
			    r.top + 2 < q.bottom && q.top + 2 < r.bottom)
				wrong.push(text + ' is on ' + other);
	});
	for (const l of svg.querySelectorAll('.curve'))
		if (l.getTotalLength() < 10)
			wrong.push('a curve is a dot');
}
if (document.documentElement.scrollWidth > innerWidth)
	wrong.push('the page is wider than the window');
document.body.setAttribute('data-wrong', wrong.join('; '));
parent.postMessage(wrong.join('; ') + ' at ' + innerWidth, '*');
</script>
JS

# A window has at least 500 pixels; a frame in it may have less.
my $FRAME = <<'HTML';
<!DOCTYPE html><body><script>
onmessage = e => document.body.setAttribute('data-told', e.data);
</script><iframe src="looked.html" width="420" height="1500"
style="border: 0"></iframe></body>
HTML

my $dir = scratch();
my @runtimes = ('c', Test::Forebay::no_python() ? () : 'python');

sub browse
{
	my ($width, @args) = @_;
	my $profile = scratch();

	return run([$chromium, qw(--headless --no-sandbox --disable-gpu
	    --disable-quic --no-first-run --disable-background-networking
	    --disable-component-update --disable-sync --hide-scrollbars),
	    "--user-data-dir=$profile", "--window-size=$width,1500", @args],
	    timeout => patience(120));
}

sub make_page
{
	my $broker = Test::Forebay::Kafka->shared;
	my $topic = $broker->topic(4);
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    name => 'orders');

	$f->{finished} = 1;	# nothing is started by it
	$broker->produce($topic, 20_000);
	my ($status, undef, $err) = run([$f->command, 'compare', '-c',
	    $f->{file}, '--runtimes', join(',', @runtimes), '--rounds', 3,
	    '--create', '--latency', '1s', '--size', '100,1024', '--records',
	    20_000, '--html', "$dir/page.html"], env => { TMPDIR => "$dir" },
	    timeout => patience(300));

	is($status, 0, 'a comparison') or diag($err);
	my $page = slurp("$dir/page.html");

	$page =~ s{(?=</body>)}{$LOOK} or die "no body\n";
	spew("$dir/looked.html", $page);
	return;
}

scenario 'the page in a browser' => sub {
	make_page();
	for my $width (1280, 500) {
		my ($status, $dom, $err) = browse($width, '--dump-dom',
		    "file://$dir/looked.html");

		is($status, 0, "$width: it loads") or diag($err);
		is(scalar(() = $dom =~ /<svg\b/g), 2 * (10 + 2),
		    'plots of two cases');
		is(scalar(() = $dom =~ /<polyline\b/g), 2 * 2 * 3 * @runtimes,
		    'a curve for each run in two of them');
		is(scalar(() = $dom =~ /<rect\b/g), 2 * 10 * @runtimes,
		    'and bars in the others');
		my ($wrong) = $dom =~ /data-wrong="([^"]*)"/;

		is($wrong, '', 'every label can be read');
	}
};

scenario 'on a telephone' => sub {
	make_page() unless -e "$dir/page.html";
	spew("$dir/frame.html", $FRAME);
	my ($status, $dom, $err) = browse(500, '--dump-dom',
	    '--virtual-time-budget=10000', "file://$dir/frame.html");
	my ($told) = $dom =~ /data-told="([^"]*)"/;

	is($status, 0, 'it loads') or diag($err);
	is($told, ' at 420', 'every label can be read, nothing is wider');
};

scenario 'it can be seen' => sub {
	make_page() unless -e "$dir/page.html";
	my ($status, undef, $err) = browse(1280,
	    "--screenshot=$dir/page.png", "file://$dir/page.html");

	is($status, 0, 'a screenshot') or diag($err);
	like(slurp("$dir/page.png"), qr/\A\x89PNG/, 'is a picture');
	# An empty one of that size has less than 10,000 bytes.
	cmp_ok(-s "$dir/page.png" // 0, '>', 50_000, 'of something');
};

done_testing();
