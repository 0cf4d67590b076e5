# SPDX-License-Identifier: Apache-2.0
#
# All five functions of one SDK (t/interop/functions), which the master starts:
# topic, transformer, map, sink with fallback and onSuccess.  Most records go
# straight through; some carry orders, so that each way out is taken.
package Test::Forebay::Functions;

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP ();
use MIME::Base64 qw(decode_base64);
use Test::More;

use Test::Forebay;
use Test::Forebay::Function;
use Test::Forebay::Kafka;
use Test::Forebay::SinkFunction;
use Test::Forebay::Util;

our @EXPORT = qw(bytes_stay functions_work);

my ($PLAIN, $EACH) = (2000, 40);
my $TIME = 1_600_000_000_456;

# ---- records with orders -------------------------------------------------

# By name, of which each has $EACH records: their orders, how they end, which
# values the sinks see, and how often; `needs` is what not every SDK has.
my %GROUPS = (
	changed => { do => { transformer => "key=a key=b time=$TIME meta=g/k/v" },
	    sink => [''], keys => ['a', 'b'], time => $TIME },
	copied => { do => { transformer => 'copies=2', map => 'copies=2' },
	    map => ['/0', '/1'], sink => ['/0/0', '/0/1', '/1/0', '/1/1'] },
	dropped => { do => { map => 'drop' }, ends => 'dropped', sink => [] },
	diverted => { do => { sink => 'fallback' }, ends => 'fallback',
	    sink => [''], fallback => [''] },
	failing => { do => { sink => 'failure=2' }, sink => [''], times => 3 },
	done => { do => { sink => 'success' }, sink => [''],
	    onSuccess => [''], needs => 'success' },
	answered => { do => { sink => 'success=text meta=g/k/v' },
	    sink => [''], answer => 'text', needs => 'success' },
	nacked => { do => { sink => 'nack=20:2:not_wanted' }, sink => [''],
	    times => 2, ends => 'dead_lettered', needs => 'nack' },
);
# What is no text is mended for a function.
my %HEADERS = (text => ["\xe2\x82\xac", "\x{20ac}"], empty => ['', ''],
    binary => ["\xff,\xfe", "\x{fffd},\x{fffd}"]);

sub groups_of
{
	my (%can) = @_;

	return grep { !$GROUPS{$_}{needs} || $can{$GROUPS{$_}{needs}} }
	    sort keys %GROUPS;
}

sub produce_group
{
	my ($b, $topic, $name) = @_;
	my $dir = scratch();
	my %headers = (
		(map { ($_ => $HEADERS{$_}[0]) } keys %HEADERS),
		(map { ("do.$_" => $GROUPS{$name}{do}{$_}) }
		    keys %{$GROUPS{$name}{do}}),
	);

	# Each key ends with a byte that is no text.
	spew("$dir/in", join('', map { "k$_\xff:$name-$_\n" } 1 .. $EACH));
	return run_ok(['kcat', '-P', '-b', $b->bootstrap, '-t', $topic, '-K',
	    ':', (map { ('-H', "$_=$headers{$_}") } sort keys %headers), '-l',
	    "$dir/in"], timeout => patience(60));
}

# How often a function of that role sees each value.
sub expected
{
	my ($role, @groups) = @_;
	my %n;

	for my $name (@groups) {
		my $group = $GROUPS{$name};
		my $times = $role eq 'sink' ? $group->{times} // 1 : 1;
		my $tails = $role eq 'transformer' ? [''] :
		    $role eq 'map' ? $group->{map} // [''] : $group->{$role};

		for my $i (1 .. $EACH) {
			$n{"$name-$i$_"} += $times for @{$tails // []};
		}
		$n{$group->{answer}} += $EACH
		    if $role eq 'onSuccess' && $group->{answer};
	}
	return \%n;
}

# ---- the functions -------------------------------------------------------

# Where a role has its section in the MonoVertex.
my %AT = (
	transformer => ['source', 'transformer'],
	map => ['udf'],
	sink => ['sink', 'udsink'],
	fallback => ['sink', 'fallback', 'udsink'],
	onSuccess => ['sink', 'onSuccess', 'udsink'],
);

sub put
{
	my ($spec, $role, %container) = @_;
	my ($name, @path) = reverse @{$AT{$role}};

	$spec = $spec->{$_} //= {} for reverse @path;
	$spec->{$name} = { container => { image => 'function', %container } };
	return;
}

# The master runs it.  A map's command is that of its container, all others have
# theirs in the Host document, which wins.
sub place
{
	my ($f, $function, $instances) = @_;
	my $role = $function->{role};
	my ($program, @args) = $function->command;
	my %run = (command => [$program], args => \@args);
	my %env = (FUNCTION_LOG => "$f->{dir}/seen-$role-\$(NUMAFLOW_REPLICA)",
	    FUNCTION_DIR => '{sockets}');
	my $host = $f->{host}{spec}{functions}{$role} =
	    { instances => $instances };

	if ($role eq 'map') {
		put($f->{mvtx}{spec}, $role, %run, env => [map { {
		    name => $_, value => $env{$_} } } sort keys %env]);
	} else {
		put($f->{mvtx}{spec}, $role);
		%$host = (%$host, %run, env => \%env);
	}
	return $f->write_manifest;
}

# The sink serves where the SDK does by itself, if it can have that for itself.
sub with_functions
{
	my ($b, $language, $instances, $roles, %opt) = @_;
	my $f = Test::Forebay->new(broker => $b, sink => {}, %opt);

	place($f, Test::Forebay::Function->new(language => $language,
	    role => $_), $instances) for @$roles;
	$f->edit(sub {
		my $sink = $_[1]{functions}{sink} // return;

		delete $sink->{env}{FUNCTION_DIR};
		$sink->{isolation} = 'namespace';
	}) if (run(['unshare', '--mount', 'true']))[0] == 0;
	return $f;
}

# Some take long to start.
sub await_functions
{
	my ($f) = @_;

	wait_until {
		$f->check_alive;
		return !grep { lc($_->{state} // '') ne 'ready' }
		    @{$f->status->{functions}};
	} 'its functions are ready', 120;
	return;
}

sub seen
{
	my ($f, $role) = @_;
	my @seen;

	for my $log (glob "$f->{dir}/seen-$role-*") {
		my @lines = map { JSON::PP::decode_json($_) }
		    split /\n/, slurp($log);

		$_->{value} = decode_base64($_->{value}) for @lines;
		push @seen, @lines;
	}
	return @seen;
}

# ---- verdicts ------------------------------------------------------------

# Of those that produce.c made; it cannot know what is no text.
sub plain_ok
{
	my ($f, $topic, $role, @seen) = @_;
	my $headers = { trace => '', null => '', empty => '',
	    binary => "\x{fffd}\0\x{fffd}: ,",
	    'X-NF-Kafka-TopicName' => $topic };
	my $wrong = 0;

	for my $line (@seen) {
		my $no = (split / /, $line->{value})[3] % 1000;

		$wrong++ unless "@{$line->{keys}}" eq "key-$no" &&
		    same($line->{headers}, $headers);
	}
	is(scalar @seen, $PLAIN, "$role: it sees each plain record once");
	return is($wrong, 0, "$role: with its key and headers");
}

sub same
{
	my ($got, $want) = @_;

	return keys %$got == keys %$want && !grep {
	    !defined $got->{$_} || $got->{$_} ne $want->{$_} } keys %$want;
}

sub wrong_in
{
	my ($role, $topic, $line) = @_;
	my ($name, $i) = $line->{value} =~ /^(\w+)-(\d+)/;
	my $group = $name ? $GROUPS{$name} : $GROUPS{answered};
	my $is_after = $role ne 'transformer';
	my @keys = !$name ? 'on-success' : $is_after && $group->{keys} ?
	    @{$group->{keys}} : "k$i\x{fffd}";
	my %headers = ((map { ($_ => $HEADERS{$_}[1]) } keys %HEADERS),
	    (map { ("do.$_" => $group->{do}{$_}) } keys %{$group->{do}}),
	    'X-NF-Kafka-TopicName' => $topic);
	my $time = $is_after && $group->{time};

	return 'keys' if "@{$line->{keys}}" ne "@keys";
	return 'headers' if !same($line->{headers}, \%headers);
	return 'time' if $time && $line->{time} != $time;
	return undef;
}

sub groups_ok
{
	my ($topic, $role, $groups, @seen) = @_;
	my %n;

	$n{$_->{value}}++ for @seen;
	is_deeply(\%n, expected($role, @$groups),
	    "$role: it sees the others as often as they were ordered");
	my ($wrong) = grep { wrong_in($role, $topic, $_) } @seen;

	return is($wrong && wrong_in($role, $topic, $wrong), undef,
	    "$role: with keys, headers and event time")
	    || diag(explain($wrong));
}

# User metadata is the next one's to see; tries are counted for the sinks.
sub metadata_ok
{
	my (%seen) = @_;
	my @changed = grep { $_->{value} =~ /^changed-/ } @{$seen{map}},
	    @{$seen{sink}};
	my %tries;

	is(scalar(grep { decode_base64($_->{user}{g}{k} // '') ne 'v' } @changed,
	    grep { $_->{value} eq 'text' } @{$seen{onSuccess}}), 0,
	    'metadata goes from one to the next');
	push @{$tries{$_->{value}}}, $_->{retry}
	    for grep { $_->{value} =~ /^failing-/ } @{$seen{sink}};
	return is(scalar(grep { "@$_" ne '0 1 2' } values %tries), 0,
	    'the count of tries goes to the sink');
}

sub dead_ok
{
	my ($b, $dead) = @_;
	my @lines = split /\n/, run_ok(['kcat', '-C', '-e', '-q', '-b',
	    $b->bootstrap, '-t', $dead, '-o', 'beginning', '-f', "%s %h\n"],
	    timeout => patience(60));

	return is(scalar(grep {
	    /^nacked-\d+ .*forebay\.reason=not_wanted(?:,|$)/ } @lines), $EACH,
	    'what was nacked too often is a dead letter with its reason');
}

sub status_ok
{
	my ($f, $language, $roles, $instances, %seen) = @_;

	my @functions = @{$f->status->{functions}};
	my %answers;

	is(join(' ', map { "$_->{role}-$_->{instance}" } @functions),
	    join(' ', map { my $role = $_;
		map { "$role-$_" } 0 .. $instances - 1 } @$roles),
	    'status: all of them');
	is(scalar(grep { ($_->{language} // '') ne $language ||
	    ($_->{version} // '') !~ /^v?\d+\.\d+/ } @functions), 0,
	    'status: with language and version of the SDK') or
	    diag(explain(\@functions));
	is(scalar(grep { $_->{failures} || $_->{restarts} } @functions), 0,
	    'status: none has failed');
	$answers{$_->{role}} += $_->{answers} for @functions;
	return is_deeply(\%answers, { map { ($_ => scalar @{$seen{$_}}) }
	    @$roles }, 'status: as many answers as they have seen records');
}

sub outcomes_ok
{
	my ($f, @groups) = @_;
	my %want = (delivered => $PLAIN);

	$want{$GROUPS{$_}{ends} // 'delivered'} += $EACH for @groups;
	return Test::Forebay::SinkFunction::outcomes_ok($f, %want);
}

# can => what the SDK has: success, nack, metadata.  instances: of each
# function, for two workers.
sub functions_work
{
	my ($language, $instances, %can) = @_;
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(2);
	my $dead = $b->topic(1, output => 1);
	my @roles = (qw(transformer map sink fallback),
	    $can{success} ? 'onSuccess' : ());
	my @groups = groups_of(%can);
	my $f = with_functions($b, $language, $instances, \@roles,
	    topic => $topic, host => { deadLetter => { topic => $dead } });

	produce_group($b, $topic, $_) for @groups;
	$f->start_ready(2);
	await_functions($f);
	$b->produce($topic, $PLAIN, key => 'text', headers => 1);
	$f->await_caught_up;
	outcomes_ok($f, @groups);
	my %seen = map { ($_ => [seen($f, $_)]) } @roles;
	my @pids = map { $_->{pid} } @{$f->status->{functions}};

	status_ok($f, $language, \@roles, $instances, %seen);
	$f->drain;
	is(scalar(grep { pid_alive($_) } @pids), 0, 'the functions have ended');
	for my $role (@roles) {
		my @plain = grep { $_->{value} =~ /^v1 / } @{$seen{$role}};

		plain_ok($f, $topic, $role, @plain)
		    if $role !~ /fallback|onSuccess/;
		groups_ok($topic, $role, \@groups,
		    grep { $_->{value} !~ /^v1 / } @{$seen{$role}});
	}
	my $log = Test::Forebay::Function::log_lines("$f->{dir}/lines",
	    grep { $_->{value} =~ /^v1 / } @{$seen{sink}});

	$f->delivered_ok(logs => [$log], produced => $PLAIN, topic => $topic);
	metadata_ok(%seen) if $can{metadata};
	dead_ok($b, $dead) if $can{nack};
	return;
}

# What is no text is mended for them, and only for them.
sub bytes_stay
{
	my ($language) = @_;
	my $b = Test::Forebay::Kafka->shared;
	my $topic = $b->topic(2);
	my $copy = $b->topic(2, output => 1);
	my $f = with_functions($b, $language, 1, ['transformer', 'map'],
	    topic => $topic, sink => { kafka => {
		brokers => [$b->bootstrap], topic => $copy,
		setKey => JSON::PP::true() } });

	$b->produce($topic, $PLAIN, key => 'binary', headers => 1,
	    event_time => $TIME);
	$f->start;
	await_functions($f);
	$f->await_caught_up;
	$f->drain;
	is(scalar seen($f, $_), $PLAIN, "the $_ has seen them") for
	    'transformer', 'map';
	$f->delivered_ok(from => $copy, topic => $topic, produced => $PLAIN);
	return;
}

1;
