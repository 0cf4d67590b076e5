#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The HTTP listener: its pages, and whether /metrics is what OpenMetrics 1.0
# asks for.
use strict;
use warnings;

use IO::Socket::INET;
use List::Util qw(sum);
use Test::More;

use Test::Forebay;
use Test::Forebay::Mock;
use Test::Forebay::Util;

my $forebay = build_dir() . '/forebay';
my %suffixes = (
	counter => ['_total'], gauge => [''], info => ['_info'],
	stateset => [''], histogram => [qw(_bucket _count _sum)],
);

# A request as it stands, and all that comes back.
sub request
{
	my ($f, $text) = @_;
	my $sock = IO::Socket::INET->new(PeerAddr => $f->status->{http})
	    // return '';
	my $answer = '';

	print $sock $text =~ s/\n/\r\n/gr;
	while (sysread($sock, my $buf, 65536)) {
		$answer .= $buf;
	}
	return $answer =~ s/\r\n/\n/gr;
}

# Labels as a hash, in a form that tells a broken one.
sub labels
{
	my ($text) = @_;
	my %labels;

	while ($text =~ s/^([a-zA-Z_]\w*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,(?=.)|$)//) {
		return undef if exists $labels{$1};
		$labels{$1} = $2;
	}
	return $text eq '' ? \%labels : undef;
}

# All that is wrong with a text, and its families.
sub parse
{
	my ($text) = @_;
	my (%families, %seen, $f, @wrong);

	push @wrong, 'does not end with EOF' unless $text =~ s/^# EOF\n\z//m;
	for (split /\n/, $text) {
		if (my ($name, $type) = /^# TYPE ([a-zA-Z_:][\w:]*) (\w+)$/) {
			push @wrong, "$name comes twice" if $families{$name};
			push @wrong, "$name: type $type"
			    unless $suffixes{$type};
			$f = $families{$name} = { name => $name,
				type => $type, samples => [] };
		} elsif (my ($what, $of, $words) =
		    /^# (UNIT|HELP) (\S+) (.+)$/) {
			push @wrong, "$_: not where it belongs"
			    if !$f || $of ne $f->{name} || $f->{$what} ||
			    @{$f->{samples}};
			push @wrong, "$of: unit $words"
			    if $what eq 'UNIT' && $of !~ /_\Q$words\E$/;
			$f->{$what} = $words;
		} elsif (my ($series, $value) =
		    /^(\S.*) (-?[\d.]+(?:e[+-]\d+)?)$/) {
			my ($name, $text) =
			    $series =~ /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?$/;
			my $labels = labels($text // '');

			push @wrong, "$_: name or labels"
			    unless defined $name && $labels;
			push @wrong, "$_: twice" if $seen{$series}++;
			push @wrong, "$_: of no family" unless $f &&
			    grep { "$f->{name}$_" eq $name }
			    @{$suffixes{$f->{type}} // []};
			push @wrong, "$_: negative"
			    if $f->{type} =~ /counter|histogram/ && $value < 0;
			push @{$f->{samples}}, [$name, $labels, $value];
		} else {
			push @wrong, "line: $_";
		}
	}
	push @wrong, map { "$_->{name}: no HELP" }
	    grep { !$_->{HELP} } values %families;
	return (\%families, @wrong);
}

sub sample
{
	my ($families, $name, %want) = @_;

	for my $s (map { @{$_->{samples}} } values %$families) {
		next if $s->[0] ne $name;
		next if grep { ($s->[1]{$_} // '') ne $want{$_} } keys %want;
		return $s->[2];
	}
	return undef;
}

# Samples of a family by all labels but one: [label's value, sample's].
sub by_rest
{
	my ($samples, $label) = @_;
	my %rest;

	for (@$samples) {
		my %labels = %{$_->[1]};
		my $one = delete $labels{$label} // next;
		my $key = join ',', map { "$_=$labels{$_}" } sort keys %labels;

		push @{$rest{$key}}, [$one, $_->[2]];
	}
	return values %rest;
}

my $broker = Test::Forebay::Mock->new;
my $topic = $broker->topic(4);
my @mvtx = (mvtx_name => 'demo', mvtx_replica => 0);

scenario 'pages' => sub {
	my $f = Test::Forebay->new(broker => $broker, topic => $topic);

	$f->start_ready(4);
	like(request($f, "GET / HTTP/1.0\n\n"),
	    qr{^HTTP/1\.\d 200 .*^/metrics }ms, '/');
	like(request($f, "GET /livez HTTP/1.0\n\n"),
	    qr{^HTTP/1\.\d 204 }, '/livez');
	is_soon { request($f, "GET /readyz HTTP/1.0\n\n") =~
	    m{^HTTP/1\.\d 204 } } '/readyz';
	like(request($f, "GET /nothing HTTP/1.0\n\n"),
	    qr{^HTTP/1\.\d 404 }, 'nothing else');
	like(request($f, "POST /metrics HTTP/1.0\nContent-Length: 1\n\nx"),
	    qr{^HTTP/1\.\d (?:405|501) }, 'and nothing to change');
	my $get = request($f, "GET /metrics?x=y HTTP/1.0\n\n");

	like($get, qr{^Content-Type: application/openmetrics-text; version=1\.0\.0; charset=utf-8$}m,
	    'the type of /metrics');
	my ($length) = $get =~ /^Content-Length: (\d+)/m;

	is(length($get =~ s/.*?\n\n//sr), $length, 'its length');
	my $head = request($f, "HEAD /metrics HTTP/1.0\n\n");

	like($head, qr/^Content-Length: \d+$/m, 'HEAD: the same headers');
	like($head, qr/\n\n\z/, 'and no body');
	$f->drain;
};

scenario 'where it listens' => sub {
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    host => { http => { listen => '' } });
	my $busy = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
	    Listen => 1);
	my $address = '127.0.0.1:' . $busy->sockport;

	$f->start;
	is($f->status->{http}, undef, 'nowhere');
	$f->drain;
	$f = Test::Forebay->new(broker => $broker, topic => $topic,
	    host => { http => { listen => $address } });
	my ($status, undef, $err) = run([$f->command, 'run', '-c',
	    $f->{file}]);

	isnt($status, 0, 'a port in use is an error');
	like($err, qr/cannot listen at $address: Address already in use/,
	    'which says so');
	$f = Test::Forebay->new(broker => $broker, topic => $topic,
	    host => { http => { listen => '[::1]:0' } });
	socket(my $six, 10, 1, 0) && -e '/proc/net/if_inet6' &&
	    slurp('/proc/net/if_inet6') =~ /^0{31}1 /m or
	    return skip_for('no IPv6', machine => 1);
	$f->start;
	like($f->status->{http}, qr/^\[::1\]:[1-9]\d*$/, 'IPv6');
	$f->drain;
};

scenario 'metrics' => sub {
	my $f = Test::Forebay->new(broker => $broker, topic => $topic,
	    sink => 'blackhole');

	$f->start_ready(4);
	$broker->produce($topic, 4000);
	$f->await_caught_up;
	my ($text, $families, @wrong);

	# One exposition: in the next one the lag may be unknown again.
	is_soon {
		(undef, $text) = $f->http('/metrics');
		return $text =~ /^monovtx_ack_total\S* 4000\b/m &&
		    $text =~ /^monovtx_pending_raw\S* 0\b/m;
	} 'all is counted';
	($families, @wrong) = parse($text);

	is(join("\n", @wrong), '', 'well-formed');
	# There is no function here, and so nothing of it.
	for my $h (grep { $_->{type} eq 'histogram' && @{$_->{samples}} }
	    values %$families) {
		my @le = map { @$_ } by_rest($h->{samples}, 'le');
		my @sorted = sort { $a->[0] <=> $b->[0] }
		    map { [$_->[0] eq '+Inf' ? 9**9**9 : $_->[0], $_->[1]] }
		    @le;

		is_deeply([map { $_->[1] } @sorted],
		    [sort { $a <=> $b } map { $_->[1] } @le],
		    "$h->{name} is cumulative");
		is($sorted[-1][1], sample($families, "$h->{name}_count"),
		    'the last bucket is the count');
		is(scalar @le, 11, 'eleven buckets');
	}
	for my $s (grep { $_->{type} eq 'stateset' } values %$families) {
		is(sum(map { $_->[1] } @$_), 1, "$s->{name}: one of them")
		    for by_rest($s->{samples}, $s->{name});
	}
	is(sample($families, 'monovtx_read_total', @mvtx,
	    source_partition => $_), 1000, "read of $_") for 0 .. 3;
	is(sample($families, 'monovtx_pending_raw', @mvtx), 0, 'pending');
	is(sample($families, 'forebay_partition_committed', topic => $topic,
	    partition => $_), 1000, "committed of $_") for 0 .. 3;
	is(sample($families, 'forebay_ready'), 1, 'ready');
	cmp_ok(sample($families, 'forebay_worker_cpu_seconds_total',
	    worker => 0), '>', 0, 'CPU of a worker');

	# Every family is documented, and nothing else.
	my $page = run_ok([$forebay, 'metrics']);
	my %documented = map { $_ => 1 } $page =~ /^\| `(\w+)` \|/mg;
	my %there = map {
		my $suffix = $suffixes{$_->{type}};

		($_->{name} . (@$suffix == 1 ? $suffix->[0] : '') => 1)
	} values %$families;

	is_deeply(\%documented, \%there, 'all are documented');
	is(slurp(source_dir() . '/conf/METRICS.md'), $page,
	    'conf/METRICS.md is up to date (forebay metrics)');

	# What a worker has counted stays when it dies.
	my ($worker) = grep { $_->{pid} } $f->workers;

	kill('KILL', $worker->{pid});
	is_soon {
		my ($now) = grep { $_->{slot} == $worker->{slot} }
		    $f->workers;

		return $now->{pid} && $now->{pid} != $worker->{pid} &&
		    $now->{state} eq 'READY';
	} 'a worker is killed and comes back';
	is_soon { $f->held == 4 } 'with its partitions';
	my ($after, @less);

	# What is asked for within a second is the same.
	is_soon {
		($after) = parse(($f->http('/metrics'))[1]);
		return (sample($after, 'forebay_worker_deaths_total') // 0) == 1;
	} 'its death is counted';

	for my $old (grep { $_->{type} =~ /counter|histogram/ }
	    values %$families) {
		for my $s (@{$old->{samples}}) {
			my $now = sample($after, $s->[0], %{$s->[1]});

			push @less, "$s->[0]: $s->[2], then "
			    . ($now // 'nothing')
			    if !defined $now || $now < $s->[2];
		}
	}
	is(join("\n", @less), '', 'no counter has gone back');
};

scenario 'what is not ours is not there' => sub {
	my $one = Test::Forebay->new(broker => $broker, topic => $topic,
	    group => 'shared', sink => 'blackhole');
	my $two = Test::Forebay->new(broker => $broker, topic => $topic,
	    group => 'shared', sink => 'blackhole');

	$one->start_ready(4);
	$two->start;
	is_soon { $one->held == 2 && $two->held == 2 } 'two each', 240;
	my ($families, @wrong) = parse(($one->http('/metrics'))[1]);
	my $lag = $families->{forebay_partition_lag}{samples};
	my $read = $families->{monovtx_read}{samples};

	is(join("\n", @wrong), '', 'well-formed');
	is(scalar @$lag, 2, 'lag of what is ours');
	is(scalar @$read, 4, 'counters of all that was');
};

done_testing();
