# SPDX-License-Identifier: Apache-2.0
#
# Three Kafka nodes on this machine, each broker and controller, with small
# heaps; topics have three replicas.
#
#	my $c = Test::Forebay::Cluster->new;
#	my $topic = $c->topic(4);
#	$c->stop_node($c->leader($topic, 0));
#	$c->start_node($id);
#	$c->await_replicas;
#
# It is a broker as the others are; settings go to all nodes.
package Test::Forebay::Cluster;

use strict;
use warnings;

use parent -norequire, 'Test::Forebay::Kafka';

use File::Path qw(make_path);

use Test::Forebay::Kafka;
use Test::Forebay::Util;

my $CLUSTER = 'Zm9yZWJheS10ZXN0cy0wMw';
my $NODES = 3;

sub new
{
	my ($class, %opt) = @_;
	my $self = bless({ owner => $$ }, $class)->init;
	my @ports = map { [Test::Forebay::Kafka::free_ports(4)] } 1 .. $NODES;
	my $voters = join(',', map { "$_\@127.0.0.1:$ports[$_ - 1][3]" }
	    1 .. $NODES);

	Test::Forebay::Kafka::make_tls();
	for my $id (1 .. $NODES) {
		my $node = bless { owner => $$, ports => $ports[$id - 1],
			dir => "$self->{scratch}/$id", jvm => ['-Xmx192m'],
			settings => { settings($id, $voters),
				%{$opt{settings} // {}} } },
		    'Test::Forebay::Kafka';

		make_path($node->{dir});
		push @{$self->{nodes}}, $node;
	}
	$self->format;
	$_->start for @{$self->{nodes}};
	# All three have to be there, not only to answer.
	wait_until {
		($self->tool('topic', 'create', 'first', "1x$NODES"))[0] == 0;
	} 'the cluster takes a topic', 90;
	return $self;
}

sub settings
{
	my ($id, $voters) = @_;

	return (
		'node.id' => $id,
		'controller.quorum.voters' => $voters,
		'offsets.topic.replication.factor' => 3,
		'transaction.state.log.replication.factor' => 3,
		'default.replication.factor' => 3,
		'min.insync.replicas' => 2,
		# A node that is stopped in order gives its leaderships away;
		# of one that is killed the controller hears late.
		'broker.session.timeout.ms' => 3000,
		'controller.quorum.election.timeout.ms' => 500,
		'controller.quorum.fetch.timeout.ms' => 1000,
		'replica.lag.time.max.ms' => 5000,
		'leader.imbalance.check.interval.seconds' => 3600,
	);
}

# All at the same time: each is a JVM.
sub format
{
	my ($self) = @_;
	my @pids;

	for my $node (@{$self->{nodes}}) {
		my $dir = $node->{dir};

		spew("$dir/server.properties",
		    Test::Forebay::Kafka::settings($node));
		spew("$dir/log4j2.properties",
		    $Test::Forebay::Kafka::LOG4J);
		push @pids, spawn([$node->java('kafka.tools.StorageTool',
		    'format', '-t', $CLUSTER, '-c',
		    "$dir/server.properties")], out => "$dir/format",
		    err => "$dir/format");
	}
	for my $node (@{$self->{nodes}}) {
		my $status = reap(shift @pids, 90);

		die 'format: ' . slurp("$node->{dir}/format")
		    unless defined $status && $status == 0;
	}
	return;
}

sub node { return $_[0]{nodes}[$_[1] - 1] }

sub bootstrap
{
	my ($self) = @_;

	return join(',', map { "127.0.0.1:$_->{ports}[0]" }
	    @{$self->{nodes}});
}

sub create_topic
{
	my ($self, $name, $partitions) = @_;

	return $self->tool_ok('topic', 'create', $name,
	    $partitions . "x$NODES");
}

# By partition, the id of its leader (-1: none).
sub leaders
{
	my ($self, $topic) = @_;
	my ($status, $out) = $self->tool('topic', 'leader', $topic);

	return $status ? () : map { (split / /)[1] } split /\n/, $out;
}

sub coordinator
{
	my ($self, $group) = @_;
	my ($status, $out) = $self->tool('coordinator', $group);

	return $status ? -1 : $out + 0;
}

# TERM hands its leaderships over first; KILL does not.
sub stop_node
{
	my ($self, $id, $signal) = @_;

	$self->node($id)->stop($signal);
	return;
}

sub start_node
{
	my ($self, $id) = @_;

	$self->node($id)->start;
	return;
}

# Does that node answer?
sub node_is_up
{
	my ($self, $id) = @_;

	return (run([helper('kafkatool'), '-b',
	    '127.0.0.1:' . $self->node($id)->{ports}[0], 'ping']))[0] == 0;
}

1;
