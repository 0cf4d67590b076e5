#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# `make picture`: conf/picture.svg, what README.md shows, from what the
# programs print: `forebay status` of a pool with a canary under load, and figures
# of the page of `forebay compare`.
use strict;
use warnings;

use Test::Forebay;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

my ($PARTITIONS, $RATE) = (8, 20_000);
my ($CHAR, $LINE, $PAD, $GAP) = (7.25, 17, 14, 16);
my ($FIGURE, $CAPTION) = (420, 26);

sub status_of
{
	my ($broker) = @_;
	my $topic = $broker->topic($PARTITIONS, name => 'orders');
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    group => $topic, sink => 'blackhole', workers => 2, host => {
		canary => { runtime => 'python', share => '25%' },
		runtimes => Test::Forebay::python_runtime() });

	$f->{finished} = 1;
	$f->start_ready($PARTITIONS);
	my $producer = $broker->producer($topic, rate => $RATE);

	wait_until { ($f->status->{counters}{read} // 0) > 5 * $RATE }
	    'records flow', 60;
	my $text = run_ok([build_dir() . '/forebay', 'status', '-c',
	    $f->{file}]);

	$producer->close;
	$f->signal('TERM');
	$f->await_exit;
	return $text;
}

sub page_of
{
	my ($broker) = @_;
	my $dir = scratch();
	my $f = Test::Forebay->new(broker => $broker, workers => 1,
	    topic => $broker->topic($PARTITIONS), sink => 'blackhole',
	    host => { runtimes => Test::Forebay::python_runtime() });

	$f->{finished} = 1;
	run_ok([build_dir() . '/forebay', 'compare', '-c', $f->{file},
	    '--runtimes', 'c,python', '--create', '--size', 100, '--records', 300_000,
	    '--rounds', 3, '--html', "$dir/page.html"], timeout => 600,
	    env => { TMPDIR => "$dir" });
	return slurp("$dir/page.html");
}

# ---- drawing ---------------------------------------------------------------

sub escaped
{
	my ($text) = @_;

	return $text =~ s/&/&amp;/gr =~ s/</&lt;/gr =~ s/>/&gt;/gr;
}

# The text as a terminal has it; ( svg, width, height ).
sub terminal
{
	my ($text) = @_;
	my @lines = ('$ forebay status', split /\n/, $text);
	my ($width, $y, $svg) = (0, $PAD + 11, '');

	for my $line (@lines) {
		$svg .= sprintf qq(<text class="term" x="%d" y="%d" )
		    . qq(xml:space="preserve">%s</text>\n), $PAD, $y,
		    escaped($line) if $line ne '';
		$width = length $line if length $line > $width;
		$y += $LINE;
	}
	$width = $width * $CHAR + 2 * $PAD;
	return (qq(<rect width="$width" height="$y" rx="6" class="card"/>\n)
	    . $svg, $width, $y);
}

# The names of the runtimes, in their colours, from the right.
sub keys_of
{
	my ($caption) = @_;
	my ($at, $svg) = ($FIGURE - $PAD, '');

	for my $key (reverse $caption =~
	    m{(<span class="key c\d"></span>[^<]+)}g) {
		my ($class, $name) = $key =~ m{key (c\d)"></span>(.+)};

		$at -= 7 * length($name) + 24;
		$svg .= qq(<rect class="bar $class" x="$at" y="10" width="10" )
		    . qq(height="10" rx="2"/><text class="tick" x=")
		    . ($at + 14) . qq(" y="19">$name</text>);
	}
	return $svg;
}

# A figure of the page at that place; ( svg, height ).
sub figure
{
	my ($page, $what, $x, $y) = @_;
	my ($caption, $w, $h, $svg) = $page =~
	    m{<figcaption>([^\n]*\Q$what\E[^\n]*)</figcaption>\s*
	    <svg\b[^>]*viewBox="0\ 0\ (\d+)\ (\d+)"[^>]*>(.*?)</svg>}sx or
	    die "no figure: $what\n";
	my $inside = $FIGURE - 2 * $PAD;
	my $height = int($h * $inside / $w);
	my $total = $height + $CAPTION + $PAD;
	my $title = $caption =~ s{<span.*</span>}{}r;
	my $soft = $caption =~ m{ (<span class="soft">(.*?)</span>)$} ?
	    qq(<tspan class="tick"> $2</tspan>) : '';

	return (qq(<g transform="translate($x $y)"><rect width="$FIGURE" )
	    . qq(height="$total" rx="6" class="card"/>\n)
	    . qq(<text x="$PAD" y="19">$title$soft</text>)
	    . keys_of($caption) . qq(\n<svg x="$PAD" y="$CAPTION" )
	    . qq(width="$inside" height="$height" viewBox="0 0 $w $h">)
	    . qq($svg</svg></g>\n), $total);
}

# The page's light colours as constants: few viewers of SVG know variables.
# All text stands on a card, so it can be read on a dark page, too.
sub colours
{
	my ($style) = @_;
	my ($root) = $style =~ /:root \{(.*?)\}/s;
	my %is = $root =~ /(--\w+): (#\w+)/g;
	my @rules = $style =~ /^(?:  )?(?:\.c\d|svg) .*?\}$/mg;
	my $runtimes = join("\n", $style =~ /(\.c\d \{ --c: #\w+; \})/g);
	my $all = join("\n", grep { !/width: 100%|var\(--c\)|--c:/ } @rules);

	$all =~ s/var\((--\w+)\)/$is{$1}/g;
	while ($runtimes =~ /\.(c\d) \{ --c: (#\w+)/g) {
		$all .= "\n.bar.$1 { fill: $2; } .curve.$1 { stroke: $2; }";
	}
	return "$all\n.card { fill: $is{'--card'}; }\n";
}

sub picture
{
	my ($text, $page) = @_;
	my ($left, $width, $height) = terminal($text);
	my ($style) = $page =~ m{<style>(.*?)</style>}s;
	my $x = $width + $GAP;
	my ($y, $figures) = (0, '');

	for my $what ('records committed', 'records/s', 'CPU s per million') {
		my ($svg, $h) = figure($page, $what, $x, $y);

		$figures .= $svg;
		$y += $h + $GAP;
	}
	$y -= $GAP;
	$height = $y if $height < $y;
	$left =~ s/ height="\d+"/ height="$height"/;
	$style = colours($style);
	return sprintf(qq(<svg xmlns="http://www.w3.org/2000/svg" )
	    . qq(viewBox="0 0 %d %d" width="%d" height="%d" )
	    . qq(font-family="system-ui, sans-serif">\n<style>%s)
	    . qq(.term { font: 12px/1 )
	    . qq(ui-monospace, "DejaVu Sans Mono", monospace; }\n</style>\n)
	    . qq(%s%s</svg>\n), ($x + $FIGURE, $height) x 2, $style, $left,
	    $figures);
}

my $why = Test::Forebay::Kafka::missing() // Test::Forebay::no_python();

die "no picture: $why\n" if $why;
my $broker = Test::Forebay::Kafka->private;
my $svg = picture(status_of($broker), page_of($broker));

spew(source_dir() . '/conf/picture.svg', $svg);
