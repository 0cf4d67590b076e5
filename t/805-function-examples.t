#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The examples with user-defined functions, run as they stand beside their
# programs: only addresses, names of topics and paths are put in.  podman is a
# script that starts a sink where the directory of the volume is.
use strict;
use warnings;

use Test::More;

use Test::Forebay;
use Test::Forebay::Function;
use Test::Forebay::Kafka;
use Test::Forebay::Util;

Test::Forebay::Kafka->need;
Test::Forebay::Function->need('python');

my $broker = Test::Forebay::Kafka->shared;
my $examples = source_dir() . '/conf/examples';
my ($python) = Test::Forebay::Function->new(language => 'python')->command;

# What podman is told, it has to be told.
sub podman
{
	my ($dir) = @_;

	spew("$dir/podman", <<"SH");
#!/bin/sh
test "\$1 \$2 \$4 \$5 \$#" = \\
    "run --rm --env=NUMAFLOW_UD_CONTAINER_TYPE=udsink registry.example.org/sink:1 5" || exit 1
volume=\${3#--volume=}
exec $python $examples/sink.py "\${volume%:/var/run/numaflow}"
SH
	chmod(0755, "$dir/podman") or die "chmod: $!";
	return;
}

# Records with these values, which may have several lines.
sub put
{
	my ($topic, @values) = @_;
	my $dir = scratch();

	spew("$dir/in", join(';', @values));
	return run_ok(['kcat', '-P', '-q', '-b', $broker->bootstrap, '-t',
	    $topic, '-D', ';', '-l', "$dir/in"], timeout => patience(60));
}

sub count
{
	my ($topic) = @_;
	my $text = run_ok(['kcat', '-C', '-e', '-q', '-b', $broker->bootstrap,
	    '-t', $topic, '-o', 'beginning', '-f', "%o\n"],
	    timeout => patience(60));

	return scalar(() = $text =~ /^/mg);
}

sub example
{
	my ($name, %more) = @_;
	my $topic = $broker->topic(2);
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    group => $broker->unique_name('g'));
	my $text = slurp("$examples/$name.yaml");
	my %instead = ('127.0.0.1:9092' => $broker->bootstrap,
	    'topic: orders' => "topic: $topic",
	    '/opt/sink/venv/bin/python' => $python, '/opt/sink' => $examples,
	    %more);

	$text .= "---\napiVersion: forebay/v1\nkind: Host\nspec:\n"
	    unless $text =~ /^kind: Host$/m;
	$text =~ s/\Q$_\E/$instead{$_}/g for sort { length $b <=> length $a }
	    keys %instead;
	$text =~ s/(consumerGroup: )\S+\n/$1$f->{group}\n      config: "auto.offset.reset: earliest"\n/;
	$text =~ s/(kind: Host\nspec:\n)/$1  workers: 2\n  runDirectory: $f->{run}\n  http: {listen: "127.0.0.1:0"}\n/;
	podman($f->{dir});
	$f->{env}{PATH} = "$f->{dir}:$ENV{PATH}";
	spew($f->{file}, $text);
	return ($f, $topic);
}

# Records that a function has printed; the log has them.
sub printed
{
	my ($f, $word) = @_;
	my $text = $f->log_text;
	my %seen;

	$seen{$1} = 1
	    while $text =~ /function sink-\d+\[\d+\]: ($word-\d+)/g;
	return scalar keys %seen;
}

sub runs
{
	my ($name, %more) = @_;
	my ($f, $topic) = example($name, %more);

	$f->start_ready(2);
	put($topic, map { "order-$_" } 1 .. 50);
	is_soon { printed($f, 'order') == 50 } 'each record is printed', 60;
	$f->await_caught_up;
	return ($f, $topic);
}

for my $name (qw(python-sink podman)) {
	scenario $name => sub {
		my ($f) = runs($name);

		$f->drain;
	};
}

scenario 'fallback' => sub {
	my $refused = $broker->topic(1, output => 1);
	my ($f, $topic) = runs('fallback', 'refused-orders' => $refused);

	put($topic, map { "refuse-$_" } 1 .. 10);
	$f->await_caught_up;
	is(count($refused), 10, 'what it hands back is there');
	is(printed($f, 'refuse'), 0, 'and only there');
	$f->drain;
};

scenario 'transform-map-sink' => sub {
	my ($f, $topic) = runs('transform-map-sink');

	put($topic, map { "two-$_\ntwo-" . (100 + $_) } 1 .. 10);
	is_soon { printed($f, 'two') == 20 } 'a record of each line', 60;
	$f->drain;
};

done_testing();
